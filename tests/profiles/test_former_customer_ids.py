"""A customer ID that a profile had before a merge still opens it, so it is nobody else's (MRG-4)."""

from __future__ import annotations

import pytest

from onefold.core.errors import AlreadyInUse
from onefold.settings import service as settings
from tests.conftest import Base
from tests.dsl.words import COMMAND, do, edit, merge, profile, receive, show


def two_ids_in_one(base: Base) -> str:
    """A profile with the customer ID C-2 that had C-1 as well, from a merge."""
    do(base, lambda unit: settings.change(unit, {"merge_policies": {"customer_id": "choose"}}, COMMAND), exclusive=True)
    ada, bob = profile(base, name="Ada", customer_id="C-1"), profile(base, name="Bob", customer_id="C-2")
    merge(base, ada, bob, choices={"customer_id": "destination"})
    return bob


def test_a_former_customer_id_is_nobody_elses__MRG_4(base: Base) -> None:
    bob, eve = two_ids_in_one(base), profile(base, name="Eve")
    with pytest.raises(AlreadyInUse, match="before a merge") as refused:
        edit(base, eve, customer_id="C-1")
    assert refused.value.facts["profile_id"] == bob
    assert show(base, eve).customer_id is None
    assert receive(base, "chat", customer_id="C-1", proven=True).profile_id == bob


def test_a_former_customer_id_can_be_its_own_profiles_again__MRG_4(base: Base) -> None:
    bob = two_ids_in_one(base)
    edit(base, bob, customer_id="C-1")
    assert (show(base, bob).customer_id, show(base, bob).former_customer_ids) == ("C-1", [])
    assert receive(base, "chat", customer_id="C-1", proven=True).profile_id == bob
