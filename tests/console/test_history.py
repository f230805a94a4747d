"""The history of merges, and undoing one with what that does said before (MRG-13)."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from onefold.core.actor import Actor
from onefold.core.clock import new_id, utc_now
from onefold.merging.store import MergeRow
from onefold.privacy import erasure as erasing
from onefold.profiles.service import PointInput
from onefold.receiving.contact import Further, ListedPhone
from tests.console.conftest import Console, Html
from tests.dsl import words

MAIL = "ada@kite.example"


def merged(console: Console, source: str = "Ada", destination: str = "Ada Lovelace") -> MergeRow:
    """A merge by the agent; the source came with an email and a conversation."""
    source_id = console.contact("email", email=MAIL)
    words.edit(console.base, source_id, name=source)
    destination_id = console.customer(destination)
    return words.merge(console.base, source_id, destination_id, actor=Actor(console.agent.agent_id, None, "console"))


def change(console: Console, sql: str, **values: object) -> None:
    """Changes a row past every rule of the service."""
    with console.database.write(console.organization_id) as unit:
        unit.execute(sa.text(sql), values)


def version(page: Html) -> str:
    return page.one("input", name="version")["value"]


def test_the_history_names_both_by_what_they_were_called_and_who_merged__MRG_13(console: Console) -> None:
    merge = merged(console)
    second = words.merge(console.base, merge.destination_id, console.customer("Rear Admiral Grace"))
    page = console.agent.page("/merges")
    assert [e["href"] for e in page.all("a") if "data-row" in e.attributes] == [
        f"/merges/{second.id}",
        f"/merges/{merge.id}",
    ]
    newer, older = [row.text for row in page.all("tr")][1:]
    assert newer.startswith("Ada Lovelace Rear Admiral Grace Onefold")
    assert older.startswith("Ada Ada Lovelace Mara")
    assert "until" in older


def test_the_history_of_one_customer_is_found_by_id_or_by_name__MRG_13(console: Console) -> None:
    merge = merged(console)
    words.merge(console.base, console.customer("Bo"), console.customer("Grace"))
    for asked in (merge.destination_id, merge.source_id, "Lovelace", MAIL):
        page = console.agent.page("/merges", customer=asked)
        assert page.one("h1").text == "Merges of Ada Lovelace"
        assert len(page.all("tr")) == 2
    assert "No single customer found" in console.agent.page("/merges", customer="Nobody").text
    assert "No merges" in console.agent.page("/merges", customer=console.customer("Eve")).text
    assert "No merges" in console.agent.page("/merges", customer=new_id()).text


def test_a_long_history_is_read_page_by_page__MRG_13(console: Console) -> None:
    keeper = console.customer("Grace")
    for n in range(42):
        words.merge(console.base, console.customer(f"P{n}"), keeper)
    first = console.agent.page("/merges", customer="Grace")
    [older] = [e["href"] for e in first.all("a") if e.text == "Older"]
    second = console.agent.page(older)
    assert (len(first.all("tr")), len(second.all("tr"))) == (41, 3)
    assert "P0" in second.text
    assert "Older" not in second.text
    console.agent.page("/merges", 422, before="x")


def test_an_empty_history_says_so__UI_1(console: Console) -> None:
    assert "No merges yet" in console.agent.page("/merges").text


def test_a_merge_tells_its_evidence_and_both_sides_before__MRG_14(console: Console) -> None:
    merge = merged(console)
    page = console.agent.page(f"/merges/{merge.id}")
    assert page.one("h1").text == "Ada → Ada Lovelace"
    assert [cell.text for cell in page.all("td")][:4] == ["Ada", "Ada Lovelace", MAIL, "—"]
    assert "merged by hand" in page.text
    assert "as the one that stayed had it" in [dd.text for dd in page.all("dd")]
    console.agent.page(f"/merges/{new_id()}", 404)


def test_agents_read_that_a_lead_can_undo_and_cannot_themselves__MRG_13(console: Console) -> None:
    merge = merged(console)
    page = console.agent.page(f"/merges/{merge.id}")
    assert "You can't undo a merge. A lead can, until" in page.text
    assert page.all("form", action=f"/merges/{merge.id}/undo") == []
    assert f"/audit/{merge.audit_seq}" not in page.links
    before = console.everything()
    console.agent.refused(f"/merges/{merge.id}/undo", 403)
    assert console.everything() == before


def test_leads_see_what_comes_back_what_arrived_since_and_what_stays__MRG_13(console: Console) -> None:
    source_id = console.contact("email", email=MAIL, further=Further(phones=(ListedPhone("+442079460001", "home"),)))
    destination_id = console.customer("Ada Lovelace", PointInput("email", "lovelace@kite.example"))
    merge = words.merge(console.base, source_id, destination_id)
    console.contact("email", email=MAIL)
    number = words.point_of(console.base, destination_id, "+442079460001").contact_point_id
    console.agent.sent(f"/customers/{destination_id}/points/{number}/remove")
    page = console.lead.page(f"/merges/{merge.id}")
    assert "is restored with its ID" in page.text
    assert "1 message or call that arrived since the merge on its contact points goes with it" in page.text
    assert "Deleted since, so not restored: contact point +44 20 7946 0001 (home)" in page.text
    assert page.one("table", aria_label="Both customers after undoing")
    assert [cell.text for cell in page.all("td")][-6:-2] == ["—", "Ada Lovelace", MAIL, "lovelace@kite.example"]
    assert console.lead.sent(f"/merges/{merge.id}/undo", version=version(page)) == (f"/customers/{source_id}", "undone")
    assert words.show(console.base, source_id).display_name == MAIL
    undone = console.lead.page(f"/merges/{merge.id}").text
    assert "This merge is undone" in undone
    assert "undone" in console.agent.page("/merges").text


def test_undoing_something_else_than_was_shown_is_refused_with_what_it_would_be_now__MRG_12(console: Console) -> None:
    merge = merged(console)
    seen = version(console.lead.page(f"/merges/{merge.id}"))
    words.edit(console.base, merge.destination_id, name="Countess")
    page = console.lead.refused(f"/merges/{merge.id}/undo", 412, version=seen)
    assert "The customer has changed since you looked" in page.text
    assert console.lead.sent(f"/merges/{merge.id}/undo", version=version(page))[1] == "undone"
    again = console.lead.refused(f"/merges/{merge.id}/undo", 409, version=seen)
    assert "The merge has been undone." in again.text


def test_a_merge_is_final_once_the_window_is_over__MRG_13(console: Console) -> None:
    merge = merged(console)
    long_ago = utc_now() - timedelta(days=31)
    change(console, "UPDATE merges SET created_at = :at WHERE id = :id", at=str(long_ago), id=merge.id)
    page = console.lead.page(f"/merges/{merge.id}")
    assert "the 30 days for undoing have passed" in page.text
    assert page.all("form", action=f"/merges/{merge.id}/undo") == []
    assert "final" in console.lead.page("/merges").text
    assert "30 days" in console.agent.page(f"/merges/{merge.id}").text
    assert "is over" in console.lead.refused(f"/merges/{merge.id}/undo", 409).text


def test_a_merge_whose_record_was_erased_is_told_and_cannot_be_undone__MRG_13(console: Console) -> None:
    merge = merged(console)
    with console.database.write(console.organization_id) as unit:
        unit.execute(sa.text("DELETE FROM audit_records WHERE seq = :seq"), {"seq": merge.audit_seq})
    page = console.lead.page(f"/merges/{merge.id}")
    assert page.one("h1").text == "a customer → Ada Lovelace"
    assert "The record of both customers has been erased" in page.text
    assert "It can't be undone" in page.text


def test_the_history_of_who_was_erased_is_gone_with_them__MRG_13(console: Console) -> None:
    merge = merged(console)
    one = merge.destination_id
    words.do(
        console.base, lambda unit: erasing.erase(unit, one, one, Actor(None, None, "command line")), exclusive=True
    )
    console.lead.page("/merges")
    console.lead.page("/audit")
    assert "Ada" not in console.lead.page("/merges").one("main").text


def test_a_merge_of_another_organization_is_not_reached(console: Console, other_console: Console) -> None:
    merge = merged(console)
    before = console.everything()
    other_console.lead.page(f"/merges/{merge.id}", 404)
    other_console.lead.refused(f"/merges/{merge.id}/undo", 404)
    assert "Ada" not in other_console.lead.page("/merges", customer=merge.destination_id).one("main").text
    assert console.everything() == before
