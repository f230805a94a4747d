"""A visitor has signed in: the browser's anonymous profile joins the customer's, where the admin chose so (RES-17)."""

from __future__ import annotations

from functools import partial

from onefold.core.actor import Actor
from onefold.core.errors import DomainError
from onefold.database.engine import Database, UnitOfWork
from onefold.database.transactions import run_in_transaction
from onefold.merging import service as merging
from onefold.merging import store
from onefold.merging.service import MergeRequest
from onefold.merging.snapshot import ProfileSnapshot
from onefold.organizations.store import load_policy
from onefold.profiles import store as profiles

_SIGN_IN = Actor(None, None, "sign-in")


def join(database: Database, organization_id: int, anonymous_id: str, customer_id: str) -> None:
    """Merges the anonymous profile into the customer's, in a transaction of its own. Where that is refused (somebody
    said "No Match", or one of the two was merged away meanwhile), the suggestion stays."""
    try:
        run_in_transaction(
            database, organization_id, partial(_join, anonymous_id=anonymous_id, customer_id=customer_id)
        )
    except DomainError:
        return


def _join(unit: UnitOfWork, anonymous_id: str, customer_id: str) -> None:
    may_join = load_policy(unit).visitor_sign_in == "join" and not _was_parted(unit, anonymous_id, customer_id)
    if may_join and _is_anonymous(store.read_side(unit, profiles.read_profile(unit, anonymous_id))):
        merging.merge(unit, MergeRequest(anonymous_id, customer_id), _SIGN_IN)


def _is_anonymous(side: ProfileSnapshot) -> bool:
    """Whether a profile holds nothing but tokens and claims: what an agent has written on it says who it is."""
    known = side.name_confirmed or side.username or side.image or side.attributes
    written = side.details or side.addresses or side.relations
    return not (known or written) and all(p.kind == "visitor" or p.standing == "claimed" for p in side.points)


def _was_parted(unit: UnitOfWork, anonymous_id: str, customer_id: str) -> bool:
    """Whether the two were one before, and somebody undid it."""
    return any(merge.source_id == anonymous_id for merge in store.merges_into(unit, [customer_id]))
