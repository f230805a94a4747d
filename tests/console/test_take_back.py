"""What was just decided can be taken back at once, by those who may (MRG-13, SUG-4)."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest

from onefold.profiles.service import PointInput
from onefold.suggestions import service as suggestions
from tests.console.conftest import Console, Html, Seat
from tests.dsl import words

ANY_ID = "01a22c37-1865-77c9-9a3f-d6b6bffb97ca"


def two_alike(console: Console) -> tuple[str, str]:
    """Two customers who are suggested with each other, the older first."""
    one, other = (
        console.customer("Ada Lovelace", PointInput("email", f"ada.lovelace@{domain}"))
        for domain in ("gmail.com", "gmial.com")
    )
    return one, other


def after(seat: Seat, path: str, **fields: object) -> Html:
    """The page that a form leads to."""
    answer = seat.post(path, data={name: str(value) for name, value in fields.items()})
    there = urlsplit(answer.headers["location"])
    return seat.page(there.path, **dict(parse_qsl(there.query)))


def undo_of(page: Html) -> list[str]:
    """What the notice's button is sent to."""
    return [form["action"] for form in page.all("form") if form.text == "Undo"]


def versions(console: Console, one: str, other: str) -> dict[str, int]:
    return {
        "version": words.show(console.base, one).row.version,
        "other_version": words.show(console.base, other).row.version,
    }


def test_a_match_is_taken_back_by_a_lead_at_once__MRG_13(console: Console) -> None:
    one, other = two_alike(console)
    page = after(console.lead, f"/customers/{one}/match", other_id=other, **versions(console, one, other))
    [action] = undo_of(page)
    assert console.lead.sent(action)[1] == "undone"
    assert words.show(console.base, other).row.id == other


def test_an_agent_is_offered_nothing_that_is_refused__MRG_13(console: Console) -> None:
    one, other = two_alike(console)
    page = after(console.agent, f"/customers/{one}/match", other_id=other, **versions(console, one, other))
    assert undo_of(page) == []


def test_a_no_match_is_taken_back_by_who_said_it__SUG_4(console: Console) -> None:
    one, other = two_alike(console)
    page = after(console.agent, f"/customers/{one}/no-match", other_id=other)
    assert words.suggested(console.base, one) == {}
    [action] = undo_of(page)
    assert console.agent.sent(action) == (f"/customers/{one}/matches", "reopened")
    assert set(words.suggested(console.base, one)) == {other}


def test_decisions_of_the_queue_too__MRG_13__SUG_4(console: Console) -> None:
    one, other = two_alike(console)
    pair = f"{min(one, other)}.{max(one, other)}"
    [action] = undo_of(after(console.lead, "/queue/no-match", pair=pair))
    assert console.lead.sent(action)[1] == "reopened"
    [action] = undo_of(after(console.lead, "/queue/match", pair=pair, **versions(console, *sorted((one, other)))))
    assert console.lead.sent(action)[1] == "undone"


@pytest.mark.parametrize("made_up", ["x", "merge", "1.2", "https://evil.example", f"{ANY_ID}.{ANY_ID}", "drop.", ""])
def test_a_made_up_address_offers_nothing(console: Console, made_up: str) -> None:
    assert undo_of(console.lead.page("/customers", said="merged", undo=made_up)) == []


def test_undo_stands_beside_what_it_undoes_alone(console: Console) -> None:
    """A link that somebody made must not put an Undo under another word."""
    assert undo_of(console.lead.page("/customers", said="saved", undo=ANY_ID)) == []
    assert undo_of(console.lead.page("/customers", said="merged", undo=ANY_ID)) == [f"/merges/{ANY_ID}/undo"]


def test_undo_takes_back_the_no_match_that_was_just_said_and_no_other__SUG_4(console: Console) -> None:
    one, other = two_alike(console)
    words.do(console.base, lambda unit: suggestions.no_match(unit, one, other, words.COMMAND))
    page = after(console.agent, f"/customers/{one}/no-match", other_id=other)
    [action] = undo_of(page)
    console.agent.sent(action)
    with console.database.read(console.organization_id) as unit:
        assert suggestions.newest_verdict(unit, one, other) is not None
    assert words.suggested(console.base, one) == {}
