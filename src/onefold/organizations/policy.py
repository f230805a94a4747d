"""What an organization has decided; every rule that depends on it is handed one of these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from onefold.contact_points.blocklist import Blocklist
from onefold.contact_points.kinds import Kind, PhoneType
from onefold.contact_points.standing import Standing
from onefold.organizations.mail_senders import NO_SENDERS, MailSenders
from onefold.organizations.match_weights import DEFAULT_WEIGHTS, Weight
from onefold.organizations.merge_policies import BY_RULE, Mode

MatchingMode = Literal["listed", "contacted"]
VisitorSignIn = Literal["suggest", "join"]
BOUNDS: dict[str, tuple[int, int]] = {
    "shared_limit": (1, 1_000),
    "undo_days": (0, 3_650),
    "silent_days": (0, 3_650),
    "session_idle_minutes": (5, 720),
}
"""The least and the most of each setting that is a number."""


class Policy(NamedTuple):
    """The settings of one organization that decisions depend on.

    `version` counts their changes. `default_region` (ISO 3166) reads phone numbers without a country code.
    `matching_mode` is RES-9, `mobile_identification` RES-6. `shared_limit` is SUG-6: a value on more profiles raises no
    suggestions, and `match_weights` rate them (SUG-5). Contacts that name no inbox go to `default_inbox_id`.
    `merge_policies` are by field (MRG-4); a merge can be undone for `undo_days` (MRG-13).
    A mobile that was silent for `silent_days` may have a new owner (RES-21); 0: never.
    `visitor_sign_in` says what becomes of the anonymous profile of a browser whose visitor signs in (RES-17).
    With `assign_on_answer` who answers a conversation that nobody has taken gets it.
    `mail_senders` know whose mail an address sends (RES-18). With `webhooks` somebody waits to be told of events
    (EVT-1).
    """

    version: int
    default_region: str
    matching_mode: MatchingMode
    mobile_identification: bool
    shared_limit: int
    default_inbox_id: str
    inbox_ids: frozenset[str]
    blocklist: Blocklist
    match_weights: Mapping[str, Weight] = DEFAULT_WEIGHTS
    merge_policies: Mapping[str, Mode] = BY_RULE
    undo_days: int = 30
    webhooks: bool = False
    mail_senders: MailSenders = NO_SENDERS
    visitor_sign_in: VisitorSignIn = "suggest"
    silent_days: int = 180
    assign_on_answer: bool = True

    def identifying(self, kind: Kind, value: str, phone_type: PhoneType | None, standing: Standing) -> bool:
        """Whether a contact point alone opens its profile (PRO-3, RES-9, PRO-12, PRO-13)."""
        return self.opens(kind, phone_type, standing) and not self.blocklist.holds(kind, value)

    def opens(self, kind: Kind, phone_type: PhoneType | None, standing: Standing) -> bool:
        """The same for a value that is known not to be on the blocklist."""
        if standing == "claimed" or (kind == "phone" and phone_type != "mobile"):
            return False
        return standing == "contacted" or self.matching_mode == "listed"
