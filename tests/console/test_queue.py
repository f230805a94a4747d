"""The queue of duplicates: what waits, deciding pair by pair and many at once, and the runs that follow (SUG-7)."""

from __future__ import annotations

import time
from typing import Any

import pytest

from onefold.core.actor import Actor
from onefold.core.clock import new_id
from onefold.profiles.service import PointInput
from onefold.suggestions import service as suggestions
from tests.console.conftest import Console, Html, Seat
from tests.dsl import words

HOME = "+442079460001"
LONG = "Maximiliane " * 25


def email(value: str) -> PointInput:
    return PointInput("email", value)


def phone(value: str = HOME) -> PointInput:
    return PointInput("phone", value, phone_type="home")


def alike(console: Console, word: str = "ada") -> tuple[str, str]:
    """Two customers, the older first, whose emails are one mailbox."""
    older = console.customer(word.title(), email(f"{word}.lovelace@gmail.com"))
    return older, console.customer(word.title(), email(f"{word}.lovelace+shop@gmail.com"))


def sharing(console: Console, number: str = HOME) -> tuple[str, str]:
    """Two customers, the older first, who share a number and nothing else."""
    return console.customer("Bo", phone(number)), console.customer("Cy", phone(number))


def pairs(page: Html) -> list[str]:
    """The pairs that a page of the queue shows, in order."""
    return [row["id"].removeprefix("pair-") for row in page.all("li", class_="q-row")]


def shown(seat: Seat, pair: tuple[str, str], **query: str) -> dict[str, str]:
    """The fields that a decision on the pair sends, as the queue's page has them."""
    page, token = seat.page("/queue", **query), ".".join(pair)
    at = 2 * pairs(page).index(token)  # a row has a form for Match and one for No Match
    versions = [[e["value"] for e in page.all("input", name=name)][at] for name in ("version", "other_version")]
    return {"pair": token, "version": versions[0], "other_version": versions[1]}


def current(page: Html) -> str:
    """The pair that keys act on."""
    [row] = [row for row in page.all("li", class_="q-row") if row.attributes.get("aria-current") == "true"]
    return row["id"].removeprefix("pair-")


# What waits


def test_the_queue_shows_both_customers_what_matches_and_how_likely_it_is__SUG_7(console: Console) -> None:
    older, newer = alike(console)
    page = console.lead.page("/queue")
    assert pairs(page) == [f"{older}.{newer}"] == [current(page)]
    assert {f"/customers/{older}", f"/customers/{newer}", f"/queue/{older}/{newer}"} <= page.links
    row = page.one("li", class_="q-row")
    assert "matches" not in row.text
    assert "Two spellings of one mailbox: ada.lovelace@gmail.com" in row.text
    assert "Similar email" in row.text
    assert "very likely the same customer" in row["aria-label"]
    assert page.one("span", class_="q-left").text == "1 open"


def test_the_likeliest_come_first_and_filters_say_how_many_each_holds__SUG_7(console: Console) -> None:
    likely, possible = alike(console), sharing(console)
    both = console.lead.page("/queue")
    assert pairs(both) == [".".join(likely), ".".join(possible)]
    assert [e.text for e in both.all("a") if "rating=" in e["href"]] == ["Very likely 1", "Likely 0", "Possible 1"]
    assert [e.text for e in both.all("a") if "kind=" in e["href"]] == ["Similar email 1", "Phone 1"]
    for query, expected in (
        ({"kind": "phone"}, [possible]),
        ({"rating": "very-likely"}, [likely]),
        ({"rating": "possible"}, [possible]),
        ({"rating": "very-likely", "kind": "phone"}, []),
    ):
        page = console.lead.page("/queue", **query)
        assert pairs(page) == [".".join(pair) for pair in expected]
        assert page.one("span", class_="q-left").text == f"{len(expected)} open with these filters"
    assert "No pairs match these filters" in page.text


def test_a_long_queue_is_read_page_by_page__SUG_7(console: Console) -> None:
    shared_pairs = [sharing(console, f"+44207946{n:04}") for n in range(30)]
    first = console.lead.page("/queue")
    assert "30 open" in first.text
    [older] = [e["href"] for e in first.all("a") if e.text == "Less likely"]
    second = console.lead.page(older)
    assert (len(pairs(first)), len(pairs(second))) == (25, 5)
    assert sorted(pairs(first) + pairs(second)) == sorted(".".join(pair) for pair in shared_pairs)
    assert "Less likely" not in second.text
    assert "Back to the likeliest" in second.text


def test_an_empty_queue_says_what_comes_next__UI_1(console: Console) -> None:
    assert "No duplicates to review" in console.lead.page("/queue").text
    assert "Nothing dismissed" in console.lead.page("/queue", state="dismissed").text


@pytest.mark.parametrize(
    "query", [{"state": "gone"}, {"kind": "name"}, {"rating": "sure"}, {"after": "1 2 3"}, {"after": "nan a b"}]
)
def test_a_filter_that_does_not_exist_is_refused__SUG_7(console: Console, query: dict[str, str]) -> None:
    console.lead.page("/queue", 422, **query)


def test_what_customers_are_called_runs_nothing_and_breaks_nothing__UI_2(console: Console) -> None:
    console.customer("<script>alert(1)</script>", phone())
    console.customer(LONG.strip(), phone())
    page = console.lead.page("/queue")
    assert "<script>alert" not in page.source
    assert "<script>alert(1)</script> and Maximiliane" in page.one("li", class_="q-row")["aria-label"]


# Deciding on a pair


def test_match_merges_the_newer_into_the_older_and_goes_on_with_the_next_one__SUG_3(console: Console) -> None:
    (older, newer), following = alike(console), sharing(console)
    answer = console.lead.post("/queue/match", data=shown(console.lead, (older, newer)))
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"/queue?current={'.'.join(following)}&said=merged&undo=")
    page = console.lead.page(answer.headers["location"])
    assert pairs(page) == [".".join(following)] == [current(page)]
    assert "autofocus" in page.one("li", class_="q-row").attributes
    assert words.show(console.base, older).former_ids == [newer]


def test_match_is_refused_where_the_pair_is_not_what_was_seen__MRG_12(console: Console) -> None:
    older, newer = alike(console)
    seen = shown(console.lead, (older, newer))
    words.edit(console.base, newer, name="Ada King")
    before = console.everything()
    assert console.lead.sent("/queue/match", **seen) == (f"/queue/{older}/{newer}", "changed-since")
    assert console.everything() == before
    assert "Ada King" in console.lead.page(f"/queue/{older}/{newer}").text


def test_match_is_refused_where_a_third_stands_in_the_place_of_one_of_the_two__MRG_12(console: Console) -> None:
    older, newer = alike(console)
    seen = shown(console.lead, (older, newer))
    third = console.customer("Eve")
    words.merge(console.base, newer, third)
    path, said = console.lead.sent(
        "/queue/match", **(seen | {"other_version": words.show(console.base, third).row.version})
    )
    assert (path, said) == (f"/queue/{older}/{newer}", "changed-since")
    assert words.show(console.base, third).former_ids == [newer]


def test_match_says_what_was_seen__MRG_12(console: Console) -> None:
    older, newer = alike(console)
    console.lead.refused("/queue/match", 422, pair=f"{older}.{newer}")
    assert words.show(console.base, older).former_ids == []


def test_what_stands_in_the_way_is_shown_with_the_merge__MRG_17(console: Console) -> None:
    older = console.customer("Ada", phone(), customer_id="C-1")
    newer = console.customer("Ada", phone(), customer_id="C-2")
    seen = shown(console.lead, (older, newer))
    assert console.lead.sent("/queue/match", **seen) == (f"/customers/{older}/merge/{newer}", "")
    assert "to resolve" in console.lead.page(f"/customers/{older}/merge/{newer}").text
    within = console.lead.post("/queue/match", data=seen, headers={"HX-Request": "true", "HX-Target": "queue"})
    assert (within.status_code, within.headers["hx-redirect"]) == (204, f"/customers/{older}/merge/{newer}")


def test_who_was_slower_is_told_so__MRG_15(console: Console) -> None:
    older, newer = alike(console)
    seen = shown(console.lead, (older, newer))
    words.merge(console.base, newer, older)
    for action in ("match", "no-match"):
        assert console.lead.sent(f"/queue/{action}", **seen) == ("/queue", "already-one")


def test_no_match_can_be_taken_back__SUG_4(console: Console) -> None:
    pair = sharing(console)
    assert console.lead.sent("/queue/no-match", **shown(console.lead, pair), here="kind=phone") == (
        "/queue",
        "dismissed",
    )
    assert pairs(console.lead.page("/queue")) == []
    dismissed = console.lead.page("/queue", state="dismissed")
    assert pairs(dismissed) == [".".join(pair)]
    assert console.lead.sent("/queue/withdraw", pair=".".join(pair), here="state=dismissed") == ("/queue", "reopened")
    assert pairs(console.lead.page("/queue")) == [".".join(pair)]


def test_new_evidence_is_told_as_new_since_no_match__SUG_4(console: Console) -> None:
    older, newer = sharing(console)
    console.lead.sent("/queue/no-match", pair=f"{older}.{newer}")
    for one, account in ((older, "1"), (newer, "2")):
        words.list_point(console.base, one, PointInput("social", account, network="x", handle="bo_cy"))
    assert "New since “No Match”: handle" in console.lead.page("/queue").text
    assert "New since “No Match”: handle." in console.lead.page(f"/queue/{older}/{newer}").text


def test_a_decision_stays_within_the_filters__SUG_7(console: Console) -> None:
    alike(console)
    one, other = sharing(console), sharing(console, "+442079460002")
    seen = shown(console.lead, max(one, other), kind="phone")
    answer = console.lead.post("/queue/no-match", data={**seen, "here": "kind=phone&rating=possible"})
    there = f"/queue?kind=phone&rating=possible&current={'.'.join(min(one, other))}&said=dismissed"
    assert answer.headers["location"].startswith(f"{there}&undo=")
    assert current(console.lead.page(there)) == ".".join(min(one, other))
    console.lead.refused("/queue/no-match", 422, **seen, here="kind=name")


def test_the_pair_side_by_side_is_decided_on_there_as_well__SUG_3(console: Console) -> None:
    older, newer = alike(console)
    page = console.lead.page(f"/queue/{newer}/{older}", kind="similar_email")
    assert "Total" in page.text
    assert f"/customers/{older}/merge/{newer}" in page.links
    fields = {name: page.all("input", name=name)[0]["value"] for name in ("here", "pair", "version", "other_version")}
    assert fields["here"] == "kind=similar_email"
    assert console.lead.sent("/queue/match", **fields, turned=1) == ("/queue", "merged")
    assert words.show(console.base, newer).former_ids == [older]
    answer = console.lead.get(f"/queue/{older}/{newer}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/queue?said=not-suggested")


# Many at once


def finished(seat: Seat, path: str) -> Html:
    """The page of a run, once it is finished."""
    for _ in range(300):
        page = seat.page(path)
        if "hx-trigger" not in page.one("div", id="run-progress").attributes:
            return page
        time.sleep(0.05)
    raise AssertionError(page.text)


def bulk(seat: Seat, do: str, *chosen: tuple[str, str]) -> tuple[int, str]:
    """The answer to a decision on some pairs, and where it leads."""
    answer = seat.post("/queue/bulk", data={"do": do, "pair": [".".join(pair) for pair in chosen]})
    return answer.status_code, answer.headers.get("location", "")


def test_match_selected_is_a_run_that_reports_each_pairs_outcome__MRG_16(console: Console) -> None:
    good = alike(console)
    bad = console.customer("A", phone(), customer_id="C-1"), console.customer("B", phone(), customer_id="C-2")
    status, path = bulk(console.lead, "match", good, bad)
    assert status == 303
    assert path.startswith("/runs/")
    page = finished(console.lead, path)
    assert "2 of 2 done finished" in page.text
    assert "1 merged · 0 already merged · 0 left out (“No Match”) · 1 refused" in page.text
    assert f"/customers/{bad[0]}/merge/{bad[1]}" in page.links
    assert words.show(console.base, good[0]).former_ids == [good[1]]
    part = console.lead.get(path, headers={"HX-Request": "true"})
    assert Html(part.text).one("div", id="run-progress").text in page.text
    assert "<html" not in part.text
    assert pairs(console.lead.page("/queue")) == [".".join(bad)]


def test_a_run_is_stopped_and_resumed__MRG_16(console: Console) -> None:
    number = 60
    chosen = [sharing(console, f"+44207947{n:04}") for n in range(number)]
    _, path = bulk(console.lead, "match", *chosen)
    path = path.partition("?")[0]
    answer = console.lead.post(f"{path}/stop")
    assert answer.headers["location"] == f"{path}?said=stopped"
    page = console.lead.page(path)
    assert "stopped" in page.text
    assert "waiting" in console.lead.page(path, after=number - 5).text
    console.lead.refused(f"{path}/stop", 409)
    assert console.lead.sent(f"{path}/resume") == (path, "started")
    assert f"{number} merged" in finished(console.lead, path).text
    console.lead.refused(f"{path}/resume", 409)


def test_no_match_selected_dismisses_all_but_what_others_have_decided__SUG_4(console: Console) -> None:
    one, other = alike(console), sharing(console)
    assert bulk(console.lead, "no-match", one) == (303, "/queue?said=dismissed-many")
    words.merge(console.base, one[1], one[0], despite_no_match=True)
    assert bulk(console.lead, "no-match", one, other) == (303, "/queue?said=dismissed-some")
    assert pairs(console.lead.page("/queue")) == []


@pytest.mark.parametrize("chosen", [[], ["x"], ["a.b"], [f"{new_id()}."]])
def test_nothing_happens_to_what_is_no_pair__MRG_16(console: Console, chosen: list[str]) -> None:
    answer = console.lead.post("/queue/bulk", data={"do": "match", "pair": chosen})
    assert answer.status_code == 422


# Who may


def test_only_leads_and_admins_work_through_the_queue__SUG_7(console: Console) -> None:
    older, newer = alike(console)
    fields: dict[str, Any] = shown(console.admin, (older, newer))
    _, run = bulk(console.admin, "match", sharing(console))
    before = console.everything()
    for path in ("/queue", f"/queue/{older}/{newer}", run):
        console.agent.page(path, 403)
    for action in ("match", "no-match", "withdraw", "bulk"):
        console.agent.refused(f"/queue/{action}", 403, **fields)
        console.agent.refused("/queue/bulk", 403, do="match", **fields)
    for turn in ("stop", "resume"):
        console.agent.refused(f"{run.partition('?')[0]}/{turn}", 403)
    finished(console.lead, run)
    assert before.keys() == console.everything().keys()
    assert words.show(console.base, older).former_ids == []


def test_the_queue_of_another_organization_is_not_reached(console: Console, other_console: Console) -> None:
    older, newer = alike(console)
    fields = shown(console.lead, (older, newer))
    _, run = bulk(console.lead, "match", sharing(console))
    finished(console.lead, run)
    before = console.everything()
    assert pairs(other_console.lead.page("/queue")) == []
    other_console.lead.page(f"/queue/{older}/{newer}", 404)
    other_console.lead.page(run, 404)
    for action in ("match", "no-match", "withdraw"):
        other_console.lead.refused(f"/queue/{action}", 404, **fields)
    assert console.everything() == before


# "No Match" was said, and the two are merged all the same


def test_a_match_against_a_no_match_is_looked_at_and_ticked__SUG_4(console: Console) -> None:
    older, newer = alike(console)
    words.do(
        console.base, lambda unit: suggestions.no_match(unit, older, newer, Actor(console.lead.agent_id, None, "t"))
    )
    path = f"/customers/{older}/merge/{newer}"
    page = console.agent.page(path)
    assert "Lena said “No Match”" in page.text
    assert page.one("input", name="despite_no_match").attributes["type"] == "checkbox"
    form = {field["name"]: field["value"] for field in page.all("input", type="hidden") if field.attributes.get("name")}
    refused = console.agent.refused(path, 409, **form)
    assert "Tick below that you mean to merge them" in refused.text
    assert console.agent.sent(path, **form, despite_no_match="1") == (f"/customers/{older}", "merged")
