"""Several customers are selected, merged on one page, and taken out again with one click (MRG-18)."""

from __future__ import annotations

from onefold.merging import store
from onefold.profiles.service import PointInput
from onefold.settings import service as settings
from onefold.suggestions import service as suggestions
from tests.console.conftest import Console
from tests.dsl import words


def three(console: Console) -> tuple[str, str, str]:
    one, two, stays = (
        console.customer(name, PointInput("email", f"{name.lower()}@kite.example"))
        for name in ("Al", "Alexander", "Ali")
    )
    return one, two, stays


def test_several_are_selected_merged_and_taken_out_in_one_step(console: Console) -> None:
    one, two, stays = three(console)
    path = f"/customers/{stays}/merge"
    found = console.agent.get(path, params={"q": "al", "source": two}).text
    assert f'value="{two}" checked' in found  # what is selected stays in sight
    assert f'value="{one}" checked' not in found
    page = console.agent.page(f"{path}-together", source=[one, two])
    assert "2 customers merge into Ali, the oldest first" in page.one("main").text
    assert [page.one("h2", id=f"source-{number}").text for number in (1, 2)] == ["Al", "Alexander"]
    digest = page.one("input", name="digest")["value"]
    answer = console.agent.post(f"{path}-together", data={"source": [one, two], "digest": digest})
    assert answer.headers["location"] == f"/customers/{stays}?said=merged"
    assert "Alexander" in console.agent.page(f"/customers/{stays}").one("h1").text
    merge = words.do(console.base, lambda unit: store.list_merges(unit, [one], None, 1))[0]
    assert "Undo all 2 that were merged with it" in console.lead.page(f"/merges/{merge.id}").one("main").text
    assert console.lead.sent(f"/merges/{merge.id}/undo-together")[1] == "undone"
    assert [words.show(console.base, who).row.name for who in (one, two, stays)] == ["Al", "Alexander", "Ali"]


def test_what_was_shown_is_what_happens__MRG_12(console: Console) -> None:
    one, two, stays = three(console)
    path = f"/customers/{stays}/merge-together"
    digest = console.agent.page(path, source=[one, two]).one("input", name="digest")["value"]
    words.edit(console.base, one, name="Albert")
    answer = console.agent.post(path, data={"source": [one, two], "digest": digest})
    assert (answer.status_code, "has changed since" in answer.text) == (412, True)


def test_conflicts_and_no_matches_are_asked_where_they_belong(console: Console) -> None:
    one, two, stays = three(console)
    path = f"/customers/{stays}/merge-together"
    words.do(
        console.base,
        lambda unit: settings.change(unit, {"merge_policies": {"customer_id": "choose"}}, words.COMMAND),
        exclusive=True,
    )
    for number, who in enumerate((one, stays)):
        words.edit(console.base, who, customer_id=f"C-{number}")
    page = console.agent.page(path, source=[one, two])
    assert "disabled" in page.one("button", class_="primary").attributes
    choice = {f"choice.{one}.customer_id": "source"}
    page = console.agent.page(path, source=[one, two], **choice)
    assert "disabled" not in page.one("button", class_="primary").attributes
    words.do(console.base, lambda unit: suggestions.no_match(unit, one, two, words.COMMAND))
    given = {"source": [one, two], **choice}
    assert console.agent.post(path, data=given).status_code == 409
    assert console.agent.post(path, data={**given, "despite_no_match": "1"}).status_code == 303
    assert words.show(console.base, stays).customer_id == "C-0"


def test_nobody_selected_is_said(console: Console) -> None:
    *_, stays = three(console)
    assert (
        "Select who is to be merged" in console.agent.page(f"/customers/{stays}/merge-together", 422).one("main").text
    )
