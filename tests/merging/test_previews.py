"""What the page of a merge asks the database for: each thing of both profiles once, however much they hold."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from onefold.merging import previews
from onefold.merging.service import MergeRequest
from onefold.profiles import parts
from onefold.profiles.service import PointInput
from tests.conftest import Base
from tests.dsl.words import COMMAND, add_detail, do, merge, profile, receive
from tests.statements import STATEMENTS


def rich(base: Base, number: int) -> str:
    """A customer with a little of everything, one profile merged into it."""
    mail, phone = f"lena{number}@a.example", f"+44791112345{number}"
    points = PointInput("email", mail, main=True), PointInput("phone", phone, phone_type="mobile")
    one = profile(base, *points, name="Lena Hofer", customer_id=f"C-{number}")
    receive(base, "email", email=mail, body="hello")
    add_detail(base, one, "colour", "red")
    spouse = profile(base, name=f"Ben {number}")
    do(base, lambda unit: parts.relate(unit, one, spouse, "spouse", None))
    merge(base, profile(base, name="L. Hofer"), one)
    return one


def test_a_preview_asks_at_most_20_times__MRG_1(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    request = MergeRequest(rich(base, 1), rich(base, 2))
    sent: list[str] = []
    here = threading.get_ident()  # servers that other tests have left in this process ask too

    def note(_: Any, sql: Any, __: Any) -> None:
        if threading.get_ident() == here:
            sent.append(str(sql))

    with base.database.read(base.organization_id) as unit:
        monkeypatch.setattr(STATEMENTS, "note", note)
        shown = previews.look(unit, request, COMMAND)
        monkeypatch.undo()
    assert {row.name for side in (shown.source, shown.destination) for row in side.relationships} == {"Ben 1", "Ben 2"}
    asked = [sql for sql in sent if sql.lstrip().startswith("SELECT")]
    assert 10 < len(asked) <= 20, asked
