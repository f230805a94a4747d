"""Short words for the cases of the rules: a policy, contacts, and a base in memory that decisions are applied to."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from onefold.contact_points.blocklist import DEFAULT_ENTRIES, Blocklist
from onefold.contact_points.phones import line_type
from onefold.contact_points.points import HeldPoint, Holder, Key
from onefold.core.actor import Merger
from onefold.matching.scoring import Comparison, MatchFeatures, Shared, compare, shared_values
from onefold.merging.outcomes import Outcome
from onefold.merging.plan import MergePlan, plan_merge
from onefold.merging.snapshot import ProfileSnapshot
from onefold.organizations.match_weights import DEFAULT_WEIGHTS, Weight
from onefold.organizations.merge_policies import ASK, BY_RULE
from onefold.organizations.policy import Policy
from onefold.receiving.contact import Contact, Sender
from onefold.receiving.decision import Decision
from onefold.receiving.normalise import normalise_contact
from onefold.receiving.resolve import resolve
from onefold.receiving.snapshot import BatchSnapshot, Thread

INBOX = "00000000-0000-7000-8000-00000000000a"
OTHER_INBOX = "00000000-0000-7000-8000-00000000000b"


def policy(**changes: Any) -> Policy:
    """The settings an organization begins with, in the US."""
    settings: dict[str, Any] = {
        "version": 1,
        "default_region": "US",
        "matching_mode": "listed",
        "mobile_identification": False,
        "shared_limit": 20,
        "default_inbox_id": INBOX,
        "inbox_ids": frozenset((INBOX, OTHER_INBOX)),
        "blocklist": Blocklist(DEFAULT_ENTRIES),
    }
    return Policy(**{**settings, **changes})


_messages = itertools.count(1)


def contact(channel: str, message_id: str | None = None, **sender_and_more: Any) -> Contact:
    """A contact; fields of the sender and of the contact may be given side by side."""
    of_sender = {k: v for k, v in sender_and_more.items() if k in Sender._fields}
    rest = {k: v for k, v in sender_and_more.items() if k not in Sender._fields}
    return Contact(channel, message_id or f"m{next(_messages)}", Sender(**of_sender), **rest)  # type: ignore[arg-type]


class Base:
    """A book that lives on from decision to decision, as a database would."""

    def __init__(self, **settings: Any) -> None:
        self.policy = policy(**settings)
        self.book = BatchSnapshot()
        self.points: dict[str, dict[tuple[str, str], dict[str, Any]]] = defaultdict(dict)
        self.standings: dict[str, dict[tuple[str, str], str]] = defaultdict(dict)
        self.suggested: set[tuple[frozenset[str], str, str]] = set()
        self._ids = itertools.count(1)

    def new_id(self) -> str:
        return f"00000000-0000-7000-8000-{next(self._ids):012x}"

    def holds(self, profile_id: str, kind: str, value: str, phone_type: str | None = None, **flags: Any) -> str:
        """A profile that holds a contact point already; returns the profile."""
        contacted, sms = flags.get("contacted", True), flags.get("sms", False)
        standing = flags.get("standing", "contacted" if contacted else "entered")
        identifying = self.policy.identifying(kind, value, phone_type, standing)  # type: ignore[arg-type]
        holder = Holder(self.new_id(), profile_id, phone_type, sms, contacted, standing)  # type: ignore[arg-type]
        self.book.add((kind, value), holder, identifying)  # type: ignore[arg-type]
        self.points[profile_id][kind, value] = {"type": phone_type, "sms": sms, "identifying": identifying}
        return profile_id

    def receives(self, given: Contact, line_types: Any = line_type) -> Decision:
        """Decides a contact and applies the decision to the picture of the base."""
        decision = resolve(normalise_contact(given, self.policy), self.book, self.policy, line_types, self.new_id)
        for new in decision.new_points:
            point = new.point
            self.points[new.profile_id][point.kind, point.value] = {
                "type": point.phone_type,
                "sms": point.sms,
                "identifying": new.identifying,
            }
            self.standings[new.profile_id][point.kind, point.value] = point.standing
        for change in decision.changes:
            holders = [(k, h) for k, h in self.book.identified.items()]
            holders += [(k, h) for k, some in self.book.listed.items() for h in some]
            key = next(k for k, h in holders if h.contact_point_id == change.contact_point_id)
            self.standings[change.profile_id][key] = change.standing
            self.points[change.profile_id][key] = {
                "type": change.phone_type,
                "sms": change.sms,
                "identifying": change.identifying,
            }
        self.suggested |= {(frozenset((s.profile_id, s.other_id)), s.kind, s.value) for s in decision.suggestions}
        return decision

    def thread(self, name: str, conversation_id: str, profile_id: str) -> None:
        """A conversation that contacts may name."""
        self.book.threads[name] = Thread(conversation_id, profile_id)


# Merges ---------------------------------------------------------------------------------------------------------------

SOURCE, DESTINATION = "profile-source", "profile-destination"
AGENT = Merger("agent-cy", "Cy")
POLICIES = {"by_rule": BY_RULE, "ask": ASK}


def held(kind: str, value: str, point_id: str | None = None, **fields: Any) -> HeldPoint:
    """A contact point on a profile. A mobile, an email, a social account or a customer ID opens it."""
    phone_type = fields.get("phone_type", "mobile" if kind == "phone" else None)
    opens = phone_type in (None, "mobile") and kind != "visitor"
    given: dict[str, Any] = {
        "written": None,
        "phone_type": phone_type,
        "main": False,
        "sms": False,
        "handle": None,
        "identifying": opens,
        "contacted": False,
    }
    return HeldPoint(point_id or f"{kind}={value}", kind, value, **{**given, **fields})  # type: ignore[arg-type]


def side(profile_id: str, *points: HeldPoint, **fields: Any) -> ProfileSnapshot:
    """A profile before a merge, empty but for what is given. Its rows' ids are given, or named after the profile."""
    given: dict[str, Any] = {
        "version": 1,
        "name": None,
        "name_confirmed": False,
        "username": None,
        "image": None,
        "attributes": {},
    }
    own_points = tuple(p._replace(contact_point_id=f"{profile_id}:{p.contact_point_id}") for p in points)
    return ProfileSnapshot(profile_id, points=own_points, **{**given, **fields})


def merge(source: ProfileSnapshot, destination: ProfileSnapshot, policies: str = "by_rule", **given: Any) -> MergePlan:
    """The plan of a merge by an agent, without choices or steps unless they are given."""
    rest: dict[str, Any] = {"choices": {}, "steps": (), "merger": AGENT}
    return plan_merge(source, destination, POLICIES[policies], **{**rest, **given})


def outcome_of(plan: MergePlan, field: str) -> Outcome | None:
    """What was decided of a field, if it was looked at."""
    return next((outcome for outcome in plan.outcomes if outcome.field == field), None)


def obstacles_of(plan: MergePlan, field: str) -> list[str]:
    """The codes of what stands in the way because of a field."""
    return [obstacle.code for obstacle in plan.obstacles if obstacle.field == field]


# Matches --------------------------------------------------------------------------------------------------------------


def facts(profile_id: str, *points: HeldPoint, **fields: Any) -> MatchFeatures:
    """What matching looks at of a profile, empty but for what is given."""
    return MatchFeatures(profile_id, **{"name": None, "username": None, "points": points, **fields})


def shared(one: MatchFeatures, other: MatchFeatures, blocklist: Blocklist) -> list[Shared]:
    """What two profiles share, but for what is no evidence."""
    return shared_values(one.evident(blocklist), other.evident(blocklist))


def compared(
    one: MatchFeatures, other: MatchFeatures, holders: Mapping[Key, int] | None = None, **weights: Weight
) -> Comparison:
    """Two profiles compared by all they share, each value held by the two alone unless `holders` says more."""
    one, other = (side.evident(Blocklist(DEFAULT_ENTRIES)) for side in (one, other))
    evidence = shared_values(one, other)
    counted: dict[Key, int] = {(p.kind, p.value): 2 for p in evidence if p.kind != "similar_email"}  # type: ignore[misc]
    return compare(one, other, evidence, {**counted, **(holders or {})}, {**DEFAULT_WEIGHTS, **weights})
