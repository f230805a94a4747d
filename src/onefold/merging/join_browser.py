"""A visitor has signed in: the browser's anonymous profile joins the customer's, where the admin chose so (RES-17)."""

from __future__ import annotations

from functools import partial

from onefold.core.actor import Actor
from onefold.core.errors import DomainError
from onefold.database.engine import Database, UnitOfWork
from onefold.database.transactions import run_in_transaction
from onefold.merging import service as merging
from onefold.merging.service import MergeRequest
from onefold.organizations.store import load_policy
from onefold.profiles import service as profiles

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
    anonymous = profiles.read(unit, anonymous_id)
    is_anonymous = all(point.kind == "visitor" or point.standing == "claimed" for point in anonymous.points)
    if is_anonymous and load_policy(unit).visitor_sign_in == "join":
        merging.merge(unit, MergeRequest(anonymous_id, customer_id), _SIGN_IN)
