"""Who is this from? What is nobody's yet is filed with a customer, or with a new one (RES-18)."""

from __future__ import annotations

import pytest

from onefold.profiles.service import PointInput
from onefold.settings import service as settings
from tests.console.conftest import Console
from tests.dsl import words


@pytest.fixture
def waiting(console: Console) -> str:
    """A mail from an own address that names nobody."""
    own = {"own_addresses": ["*@shop.example"]}
    words.do(console.base, lambda unit: settings.change(unit, own, words.COMMAND), exclusive=True)
    answer = words.receive(console.base, "email", email="mara@shop.example", subject="Photo", body="see attached")
    assert answer.outcome == "set_aside"
    return answer.item_id


def test_it_is_filed_with_the_customer_who_is_named(console: Console, waiting: str) -> None:
    ada = console.customer("Ada", PointInput("email", "ada@kite.example"))
    assert "Photo" in console.agent.page("/set-aside").one("main").text
    there = console.agent.sent(f"/set-aside/{waiting}/file", customer="ada@kite.example")
    assert there == (f"/customers/{ada}", "message-filed")
    assert words.said(console.base, ada) == ["see attached"]
    assert "Nothing is waiting" in console.agent.page("/set-aside").one("main").text


@pytest.mark.parametrize(("written", "shown"), [("bob@kite.example", "bob@kite.example"), ("Bob Low", "Bob Low")])
def test_it_is_filed_with_a_new_customer(console: Console, waiting: str, written: str, shown: str) -> None:
    there, flash = console.agent.sent(f"/set-aside/{waiting}/file-new", customer=written)
    assert flash == "message-filed"
    page = console.agent.page(there)
    assert shown in page.one("h1").text
    assert "see attached" in page.one("main").text


def test_a_new_customer_is_not_made_where_that_is_somebody_elses__PRO_4(console: Console, waiting: str) -> None:
    console.customer("Ada", PointInput("email", "ada@kite.example"))
    console.agent.refused(f"/set-aside/{waiting}/file-new", 409, customer="ada@kite.example")
    console.agent.refused(f"/set-aside/{waiting}/file-new", 422, customer=" ")
    assert "Photo" in console.agent.page("/set-aside").one("main").text
