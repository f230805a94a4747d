"""The one customer that somebody means by what they write."""

from __future__ import annotations

from onefold.core.errors import InvalidValue
from onefold.core.ids import is_id
from onefold.database.engine import UnitOfWork
from onefold.profiles import service as profiles
from onefold.profiles.searching import search


def only_customer(unit: UnitOfWork, query: str | None) -> str:
    """The id of the living profile that is found by an email, phone, name, customer ID or id; raises InvalidValue where
    there is none, or more than one."""
    if query is None:
        raise InvalidValue("Say which customer: write an email, a phone, a name or a customer ID.", field="customer")
    if is_id(query):
        return profiles.resolve_redirect(unit, query)
    hits = search(unit, query, 2, forgiving=False)
    if len(hits) != 1:
        matched = "More than one customer is" if hits else "No customer is"
        raise InvalidValue(f"{matched} found by that; write the whole email, phone or customer ID.", field="customer")
    return hits[0].row.id
