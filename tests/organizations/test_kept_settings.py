"""Settings are read once and kept by their version: nobody decides by old ones, or by those of a unit that failed."""

from __future__ import annotations

import pytest

from onefold.database.engine import Database
from onefold.organizations.store import change_settings, load_policy
from tests.conftest import Base


class Failed(Exception):
    """Ends a unit without a commit."""


def days(base: Base, database: Database | None = None) -> int:
    with (database or base.database).read(base.organization_id) as unit:
        return load_policy(unit).undo_days


def change(base: Base, undo_days: int, *, fail: bool = False) -> int:
    """Changes them and reads them in the same unit."""
    with base.database.write(base.organization_id, exclusive=True) as unit:
        change_settings(unit, undo_days=undo_days)
        seen = load_policy(unit).undo_days
        if fail:
            raise Failed
    return seen


def test_what_has_not_changed_is_read_once(base: Base) -> None:
    with base.database.read(base.organization_id) as unit:
        first = load_policy(unit)
    with base.database.read(base.organization_id) as unit:
        assert load_policy(unit) is first


def test_a_change_is_seen_by_its_own_unit_and_by_all_that_follow(base: Base) -> None:
    assert days(base) == 30
    assert change(base, 7) == 7
    assert days(base) == 7


def test_a_change_by_another_process_is_seen(base: Base) -> None:
    other = Database(base.url)
    assert days(base, other) == 30
    change(base, 7)
    assert days(base, other) == 7
    other.dispose()


def test_a_change_that_was_rolled_back_leaves_nothing_behind(base: Base) -> None:
    assert days(base) == 30
    with pytest.raises(Failed):
        change(base, 7, fail=True)
    assert days(base) == 30
    change(base, 9)  # which is of the version that the failed one would have been
    assert days(base) == 9
