"""The audit log as leads and admins read it: sentences, filters, what was before, and whether it is whole (MRG-14)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from onefold.audit import service as audit
from onefold.audit.service import Verification
from onefold.core.actor import Actor
from onefold.core.clock import new_id, utc_now
from onefold.merging import bulk as many_merges
from onefold.merging.store import MergeRow
from onefold.profiles.service import PointInput
from tests.console.conftest import Console, Html
from tests.dsl import words


def merged(console: Console) -> MergeRow:
    source, destination = console.customer("Ada"), console.customer("Grace", PointInput("email", "grace@kite.example"))
    return words.merge(
        console.base, source, destination, actor=Actor(console.agent.agent_id, None, "console 192.0.2.7")
    )


def sentences(page: Html) -> list[str]:
    """What each entry of a page says, but those of the agents and inboxes that every console here begins with."""
    return [row.text for row in page.all("tr")[1:] if "Onefold's operator added" not in row.text]


def test_each_entry_is_a_sentence_newest_first__MRG_14(console: Console) -> None:
    merge = merged(console)
    words.undo(console.base, merge.id, Actor(console.lead.agent_id, None, "console"))
    pair = [console.customer(name, PointInput("phone", "+442079460001", phone_type="home")) for name in ("Bo", "Cy")]
    console.lead.sent("/queue/no-match", pair=".".join(pair))
    console.lead.sent("/queue/withdraw", pair=".".join(pair))
    point = words.list_point(console.base, pair[0], PointInput("email", "bo@kite.example"))
    new_one = words.detach(console.base, pair[0], point).new_profile_id
    words.do(console.base, lambda unit: many_merges.begin(unit, [(pair[1], pair[0])], words.COMMAND, state="stopped"))
    page = console.lead.page("/audit")
    texts = [text.rpartition(" ")[0] for text in sentences(page)]
    assert [text.split(" ", 1)[1] for text in texts] == [
        "Onefold's operator started a bulk merge of 1 pair of customers command line",
        "Onefold's operator detached a contact point of Bo into bo@kite.example command line",
        "Lena withdrew “No Match” for Bo and Cy console 127.0.0.1",
        "Lena marked Bo and Cy as “No Match” console 127.0.0.1",
        "Lena undid the merge of Ada into Grace console",
        "Mara merged a customer into Grace console 192.0.2.7",
    ]
    assert f"/customers/{new_one}" in page.links


def test_entries_are_filtered_by_what_whom_who_and_when__MRG_14(console: Console) -> None:
    merge = merged(console)
    words.merge(console.base, console.customer("Bo"), console.customer("Cy"))
    today = utc_now().date()
    for query, number in (
        ({"action": "profile.merged"}, 2),
        ({"action": "profile.detached"}, 0),
        ({"customer": "grace"}, 1),
        ({"customer": merge.source_id}, 1),
        ({"customer": "nobody at all"}, 0),
        ({"agent": console.agent.agent_id}, 1),
        ({"since": today, "until": today}, 2),
        ({"agent": console.lead.agent_id}, 0),
        ({"since": today + timedelta(days=2)}, 0),
        ({"until": today - timedelta(days=1)}, 0),
        ({"customer": "grace", "agent": console.lead.agent_id}, 0),
    ):
        page = console.lead.page("/audit", **{key: str(value) for key, value in query.items()})
        assert len(sentences(page)) == number, query
        assert ("No entries match these filters" in page.text) == (number == 0)
    assert "No entries yet" not in page.text


@pytest.mark.parametrize(
    "query",
    [{"since": "soon"}, {"until": "9999-12-31"}, {"since": "0001-01-01"}, {"agent": "x"}, {"before": "x"}],
)
def test_a_filter_that_cannot_be_read_is_refused__MRG_14(console: Console, query: dict[str, str]) -> None:
    console.lead.page("/audit", 422, **query)


def test_days_are_those_of_the_agents_zone__MRG_14(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "utc_now", lambda: datetime(2036, 3, 1, 23, 30, tzinfo=UTC))
    merged(console)
    for zone, number in (("Europe/Berlin", 1), ("UTC", 0)):
        console.lead.cookies.set("zone", zone, domain=console.lead.base_url.host)
        assert len(sentences(console.lead.page("/audit", since="2036-03-02", until="2036-03-02"))) == number


def test_a_long_log_is_read_page_by_page_within_its_filters__MRG_14(console: Console) -> None:
    keeper = console.customer("Grace")
    for n in range(52):
        words.merge(console.base, console.customer(f"P{n}"), keeper)
    first = console.lead.page("/audit", action="profile.merged")
    [older] = [e["href"] for e in first.all("a") if e.text == "Older"]
    assert "action=profile.merged" in older
    assert (len(sentences(first)), len(sentences(console.lead.page(older)))) == (50, 2)


def test_an_entry_shows_both_sides_before_and_is_kept_raw__MRG_14(console: Console) -> None:
    merge = merged(console)
    page = console.lead.page(f"/audit/{merge.audit_seq}")
    assert page.one("table", aria_label="Before")
    assert [cell.text for cell in page.all("td")] == ["Ada", "Grace", "—", "grace@kite.example"]
    assert f'"merge_id": "{merge.id}"' in page.one("pre").text
    assert f"/merges/{merge.id}" in page.links
    assert len([dd for dd in page.all("dd", class_="mono") if len(dd.text) == 64]) == 1
    console.lead.page(f"/audit/{merge.audit_seq + 1}", 404)
    console.lead.page("/audit/x", 422)


def test_an_entry_whose_record_was_erased_says_so__MRG_14(console: Console) -> None:
    merge = merged(console)
    with console.database.write(console.organization_id) as unit:
        unit.execute(sa.text("DELETE FROM audit_records WHERE seq = :seq"), {"seq": merge.audit_seq})
    assert "erased at a customer's request" in console.lead.page(f"/audit/{merge.audit_seq}").text


def test_verifying_says_that_the_log_is_whole__MRG_14(console: Console) -> None:
    merged(console)
    assert "The log is whole" not in console.lead.page("/audit/verify").text
    answer = console.lead.post("/audit/verify")
    assert answer.status_code == 200
    with console.database.read(console.organization_id) as unit:
        number = audit.page(unit)[0].seq
    assert f"{number} entries follow from the first to number {number}" in Html(answer.text).text


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("changed", "Entry 2 is not as it was written."),
        ("missing", "Entry 2 is missing."),
        ("record_changed", "What entry 2 has kept of the customers is not as it was written."),
        ("cut_off", "The newest entries, from 2 on, are gone."),
        ("rewritten", "The log was written anew; entry 2 is another one."),
    ],
)
def test_verifying_names_the_entry_that_is_wrong__MRG_14(
    console: Console, monkeypatch: pytest.MonkeyPatch, wrong: str, said: str
) -> None:
    merged(console)
    verification = Verification(
        1, 1, "0" * 64, 0, 2, wrong
    )  # that every tampering is found, the service's own tests show
    monkeypatch.setattr(audit, "verify", lambda unit: verification)
    page = Html(console.lead.post("/audit/verify").text)
    assert "The log is not whole" in page.text
    assert said in page.text
    assert "1 entry before it" in page.text


def test_what_customers_are_called_runs_nothing_in_the_log__MRG_14(console: Console) -> None:
    stored = "<script>alert(1)</script>"
    merge = words.merge(console.base, console.customer(stored), console.customer(f"{stored}!"))
    for path in ("/audit", f"/audit/{merge.audit_seq}", "/merges", f"/merges/{merge.id}"):
        page = console.lead.page(path)
        assert stored in page.text
        assert stored not in page.source


def test_only_leads_and_admins_read_the_log__MRG_14(console: Console, other_console: Console) -> None:
    merge = merged(console)
    for path in ("/audit", f"/audit/{merge.audit_seq}", "/audit/verify"):
        console.agent.page(path, 403)
        console.admin.page(path)
    console.agent.refused("/audit/verify", 403)
    assert sentences(other_console.lead.page("/audit")) == []
    other_console.lead.page(f"/audit/{merge.audit_seq}", 404)
    assert "No entries" in other_console.lead.page("/audit", customer=merge.source_id).text
    assert "No entries" in console.lead.page("/audit", customer=new_id()).text
