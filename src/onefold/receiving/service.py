"""Receives contacts (RES). A batch is one transaction; each of its contacts gets its own answer or refusal."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from onefold.contact_points.phones import LineTypes, dialled_number, line_type
from onefold.core.clock import Clock, new_id, utc_now
from onefold.core.errors import DomainError, InvalidValue, Unavailable
from onefold.database.engine import Database, RetryTransaction, UnitOfWork, Unstorable
from onefold.organizations.policy import Policy
from onefold.organizations.store import load_policy
from onefold.receiving.contact import Answer, Contact, NormalizedContact
from onefold.receiving.decision import Decision
from onefold.receiving.normalise import normalise_contact
from onefold.receiving.resolve import resolve
from onefold.receiving.snapshot_store import load_snapshot
from onefold.receiving.store import apply_decisions, lock_opened
from onefold.receiving.suggestions import after_contacts

_ATTEMPTS = 12
Join = Callable[[Database, int, str, str], None]
"""Merges an anonymous profile of an organization into a customer's. Never raises a DomainError."""


class Receiver:
    """Files contacts under their profiles. There is one per process; several threads may use it.

    `lookup` is a service that knows more about a number than its numbering plan tells (RES-6). It is asked before the
    transaction begins, and only about numbers that nobody holds. `join` merges the anonymous profile of a browser into
    the profile of the customer who has signed in, if the admin chose this (RES-17).
    """

    def __init__(
        self,
        database: Database,
        *,
        lookup: LineTypes | None = None,
        join: Join | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._lookup = lookup
        self._join = join
        self._clock = clock

    def receive(self, organization_id: int, contacts: Sequence[Contact]) -> list[Answer | DomainError]:
        """Returns each contact's answer, in order, after the commit.

        If something is wrong with a contact, only this contact is refused. If storage cannot take any of them, this
        raises Unavailable and changes nothing.
        """
        try:
            return self._receive_together(organization_id, contacts)
        except Unstorable:
            if len(contacts) == 1:
                return [InvalidValue("The database refused a value of this contact.", code="not_storable")]
        return [self.receive(organization_id, [contact])[0] for contact in contacts]

    def policy(self, organization_id: int) -> Policy:
        """The organization's settings, as this process last read them."""
        policy: Policy | None = self._database.policies.get(organization_id)
        if policy is None:
            with self._database.read(organization_id) as unit:
                policy = load_policy(unit)
        return policy

    def _receive_together(self, organization_id: int, contacts: Sequence[Contact]) -> list[Answer | DomainError]:
        for _ in range(_ATTEMPTS):
            policy = self.policy(organization_id)
            normalised = [_normalise(contact, policy) for contact in contacts]
            arrivals = [a for a in normalised if isinstance(a, NormalizedContact)]
            if not arrivals:
                if self._is_current(organization_id, policy):
                    return [a for a in normalised if isinstance(a, DomainError)]
                continue
            line_types = self._line_types(organization_id, arrivals, policy)
            try:
                with self._database.write(organization_id) as unit:
                    decisions, answers = self._decide_and_apply(unit, arrivals, policy, line_types)
            except RetryTransaction:
                continue
            if policy.visitor_sign_in == "join":
                self._join_browsers(organization_id, decisions)
            given = iter(answers)
            return [a if isinstance(a, DomainError) else next(given) for a in normalised]
        raise Unavailable("Too many contacts of one customer at once; try again in a moment.", code="contended")

    def _decide_and_apply(
        self, unit: UnitOfWork, arrivals: Sequence[NormalizedContact], policy: Policy, line_types: LineTypes
    ) -> tuple[list[Decision], list[Answer]]:
        if not self._still_holds(unit, policy):
            raise RetryTransaction
        book = load_snapshot(unit, arrivals, policy)
        decisions = [resolve(arrival, book, policy, line_types, new_id) for arrival in arrivals]
        lock_opened(unit, decisions, book)
        now = self._clock()
        answers = apply_decisions(unit, decisions, policy, now, new_id)
        after_contacts(unit, decisions, book.common, policy, now)
        return decisions, answers

    def _join_browsers(self, organization_id: int, decisions: Sequence[Decision]) -> None:
        """Runs after the commit. If it fails, the contacts are still received, and the suggestions exist."""
        shared = {s for d in decisions for s in d.withdrawn}
        for suggestion in (s for d in decisions for s in d.suggestions if s.kind == "browser"):
            if self._join is not None and suggestion not in shared:
                self._join(self._database, organization_id, suggestion.other_id, suggestion.profile_id)

    def _is_current(self, organization_id: int, policy: Policy) -> bool:
        """Whether these settings are still valid, so that a contact may be refused by them. Another process may have
        changed them since they were read."""
        with self._database.read(organization_id) as unit:
            return self._still_holds(unit, policy)

    def _still_holds(self, unit: UnitOfWork, policy: Policy) -> bool:
        return load_policy(unit).version == policy.version

    def _line_types(self, organization_id: int, arrivals: Sequence[NormalizedContact], policy: Policy) -> LineTypes:
        """RES-6: looks up a number if nobody holds it and its numbering plan does not tell its type. Needs a configured
        lookup service."""
        if self._lookup is None or not policy.mobile_identification:
            return line_type
        callers = {
            dialled_number(a.identifier.value, a.identifier.written, policy.default_region): a
            for a in arrivals
            if a.contact.channel == "voice" and a.identifier is not None and not a.identifier.blocked
        }
        unknown = {number: a for number, a in callers.items() if line_type(number) == "unknown"}
        if not unknown:
            return line_type
        with self._database.read(organization_id) as unit:
            book = load_snapshot(unit, unknown.values(), policy)
        known_values = {value for _, value in (*book.identified, *book.listed)}
        strangers = [
            n for n, a in unknown.items() if a.identifier is not None and a.identifier.value not in known_values
        ]
        type_by_number = {number: self._lookup(number) for number in strangers}
        return lambda number: type_by_number.get(number) or line_type(number)


def _normalise(contact: Contact, policy: Policy) -> NormalizedContact | DomainError:
    try:
        return normalise_contact(contact, policy)
    except DomainError as refusal:
        return refusal
