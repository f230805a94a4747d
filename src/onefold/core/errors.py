"""Refusals, each with a stable code, that speak to the person who can act.

No text of an error holds customer data: values are named by the field they came in, profiles by their id.
Edges translate a class to their own terms (an HTTP status, a line in a file of refused rows); the code stays the same.
"""

from __future__ import annotations


class DomainError(Exception):
    """Something asked for was not done; nothing was changed.

    `code` is stable and meant for programs, `detail` for people; `field` names the input it speaks of
    (`sender.phone`), `facts` holds ids that help to act (`profile_id`), never customer data.
    """

    code = "refused"

    def __init__(self, detail: str, *, code: str | None = None, field: str | None = None, **facts: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.code
        self.field = field
        self.facts = facts


class InvalidValue(DomainError):
    """A value that cannot be what it is said to be; the sender of the request can correct it."""

    code = "invalid_value"


class NotFound(DomainError):
    """Nothing of this organization answers to the id."""

    code = "not_found"


class Conflict(DomainError):
    """The request is well formed, but what is stored stands in its way."""

    code = "conflict"


class AlreadyInUse(Conflict):
    """PRO-4: another profile holds the identifying contact point; `facts` name it, and merging is the way out."""

    code = "contact_point_taken"


class VersionConflict(DomainError):
    """The profile has changed since the version the caller has seen (If-Match, MRG-12)."""

    code = "version_mismatch"


class MergedAway(DomainError):
    """EVT-2: the id of a profile or conversation answers, and leads to the one in `facts["survivor_id"]`."""

    code = "merged_away"


class NotAllowed(DomainError):
    """The caller is known, but may not do this."""

    code = "not_allowed"


class NotSignedIn(DomainError):
    """No credential, or one that is unknown, expired or revoked."""

    code = "not_signed_in"


class Unavailable(DomainError):
    """Nothing is wrong with the request: storage cannot take it now. The same request may be sent again."""

    code = "database_unavailable"


class TooMany(DomainError):
    """The caller, or all callers together, ask faster than can be answered."""

    code = "too_many_requests"
