"""What an organization has decided; every rule that depends on it is handed one of these."""

from __future__ import annotations

from typing import Literal, NamedTuple

from onefold.domain.blocklist import Blocklist
from onefold.domain.contact import Kind, PhoneType

MatchingMode = Literal["listed", "contacted"]


class Policy(NamedTuple):
    """The settings of one organization that decisions depend on.

    `version` counts their changes. `default_region` (ISO 3166) reads phone numbers without a country code.
    `matching_mode` is RES-9, `mobile_identification` RES-6. `shared_limit` is SUG-6: a value on more profiles raises no
    suggestions. Contacts that name no inbox go to `default_inbox_id`.
    """

    version: int
    default_region: str
    matching_mode: MatchingMode
    mobile_identification: bool
    shared_limit: int
    default_inbox_id: str
    inbox_ids: frozenset[str]
    blocklist: Blocklist

    def identifying(self, kind: Kind, value: str, phone_type: PhoneType | None, contacted: bool) -> bool:
        """Whether a contact point alone opens its profile (PRO-3, RES-9, PRO-12)."""
        return self.opens(kind, phone_type, contacted) and not self.blocklist.holds(kind, value)

    def opens(self, kind: Kind, phone_type: PhoneType | None, contacted: bool) -> bool:
        """The same for a value that is known not to be on the blocklist."""
        if kind == "phone" and phone_type != "mobile":
            return False
        return contacted or self.matching_mode == "listed"
