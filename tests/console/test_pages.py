"""What the console's pages are made of: who sees which, how much they weigh, and how long browsers keep their files."""

from __future__ import annotations

import gzip
import re

import httpx
import pytest

from onefold.profiles.service import PointInput
from tests.console.cast import cast
from tests.console.conftest import Console, Html, Seat
from tests.dsl import words

LARGEST_COLD_PAGE = 150_000
"""Bytes over the wire until a customer's page is there for the first time."""


def weighed(seat: Seat, path: str) -> tuple[int, str]:
    """(bytes over the wire, text) of an answer, with its head."""
    with seat.stream("GET", path, headers={"Accept-Encoding": "gzip"}) as answer:
        raw = b"".join(answer.iter_raw())
        assert answer.status_code == 200, path
        head = sum(len(name) + len(value) + 4 for name, value in answer.headers.raw)
        packed = answer.headers.get("content-encoding") == "gzip"
        return len(raw) + head, (gzip.decompress(raw) if packed else raw).decode()


def files_of(page: Html) -> list[str]:
    """The addresses of a page's style sheets, scripts and icon."""
    linked = [link["href"] for link in page.all("link") if link["rel"] in ("stylesheet", "icon")]
    return linked + [script["src"] for script in page.all("script")]


def test_the_first_page_of_a_customer_is_light(console: Console) -> None:
    ids = cast(console, console.agent.agent_id)
    for number in range(60):
        console.contact("email", email=ids["email"], subject=f"Order {number}", body="Where is it? " * 20)
    size, text = weighed(console.agent, f"/customers/{ids['profile_id']}")
    weights = {"page": size, **{path: weighed(console.agent, path)[0] for path in files_of(Html(text))}}
    print(f"A customer's page, cold: {sum(weights.values()):,} bytes: {weights}")
    assert len(weights) >= 5
    assert sum(weights.values()) <= LARGEST_COLD_PAGE, weights


def test_files_are_kept_for_ever_and_travel_packed(console: Console) -> None:
    """Their addresses change when they do, so a browser never asks for them twice."""
    page = console.agent.page("/customers")
    for path in files_of(page):
        assert re.search(r"\?v=[0-9a-f]{12}\Z", path), path
        answer = console.nobody.get(path, headers={"Accept-Encoding": "gzip"})
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable", path
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers.get("content-encoding") == "gzip" or len(answer.content) < 600, path


@pytest.mark.parametrize(
    "path", ["../app.py", "..%2fapp.py", "vendor/", "vendor", "no-such.css", "%2e%2e/app.py", "a%00b"]
)
def test_nothing_but_files_of_ours_is_served(console: Console, path: str) -> None:
    answer = console.nobody.get(f"/static/{path}")
    assert answer.status_code == 404
    assert "import" not in answer.text


def test_each_role_sees_the_pages_it_may_open(console: Console) -> None:
    everybody, leads, admins = {"/customers", "/merges"}, {"/queue", "/insights", "/audit"}, {"/settings"}
    for seat, seen in (
        (console.agent, everybody),
        (console.lead, everybody | leads),
        (console.admin, everybody | leads | admins),
    ):
        page = seat.page("/customers")
        assert (everybody | leads | admins) & page.links == seen
        offered = {link["href"] for link in Html(seat.get("/palette").text).all("a")}
        assert (everybody | leads | admins) & offered == seen
        for path in seen:
            seat.page(path)


def test_a_page_is_found_again_after_signing_in(console: Console) -> None:
    """What was asked for comes along, and never leads to another site."""
    answer = console.nobody.get("/customers?x=1")
    assert answer.headers["location"] == "/sign-in?then=/customers%3Fx%3D1"
    part = console.nobody.get("/customers", headers={"HX-Request": "true"})
    assert (part.status_code, part.headers["hx-redirect"]) == (204, "/sign-in?then=/customers")


def test_a_cookie_of_nobody_opens_nothing(console: Console) -> None:
    for token in ("", "x", "ofs_1_" + "A" * 43, console.key(), console.agent.token[:-1]):
        with Seat(console.served, token=token) as seat:
            assert seat.get("/customers").headers["location"].startswith("/sign-in"), token[:4]


def test_a_refusal_names_the_holder_and_offers_the_merge__PRO_4(console: Console) -> None:
    bo_id = console.customer("Bo Byron", PointInput("email", "bo@kite.example"))
    ada_id = console.customer("Ada")
    page = console.agent.refused(f"/customers/{ada_id}/points", 409, kind="email", value="BO@kite.example")
    assert "Bo Byron holds this contact point." in page.text
    assert {f"/customers/{bo_id}", f"/customers/{ada_id}/merge/{bo_id}"} <= page.links


def test_a_refusal_to_a_script_comes_as_a_notice_beside_what_was_typed(console: Console) -> None:
    ada_id = console.customer("Ada")
    answer = console.agent.post(
        f"/customers/{ada_id}/points", data={"kind": "email", "value": "nonsense"}, headers={"HX-Request": "true"}
    )
    assert answer.status_code == 422
    assert (answer.headers["hx-retarget"], answer.headers["hx-reswap"]) == ("#said", "innerHTML")
    assert Html(answer.text).one("div", id="refusal").attributes["role"] == "alert"


def test_an_id_that_was_merged_leads_to_the_survivor__MRG_11(console: Console) -> None:
    ada_id, bo_id = console.customer("Ada"), console.customer("Bo")
    assert console.agent.sent(f"/customers/{ada_id}/merge/{bo_id}") == (f"/customers/{ada_id}", "merged")
    answer = console.agent.get(f"/customers/{bo_id}/matches")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/customers/{ada_id}/matches?said=moved-on")


def test_a_confirmed_merge_is_the_one_that_was_shown__MRG_4__MRG_12(console: Console) -> None:
    """The rule's own choice, sent back as it was shown, is what was shown; a choice that was not shown is not."""
    ada_id, bo_id = console.customer("Ada King"), console.customer("Ada Lovelace-King")
    path = f"/customers/{ada_id}/merge/{bo_id}"
    fields = _as_shown(console.agent.page(path))
    assert fields["choice.name"] == "source"
    page = console.agent.refused(path, 412, **{**fields, "choice.name": "destination"})
    fields = _as_shown(page)
    assert fields["choice.name"] == "destination"
    assert console.agent.sent(path, **fields) == (f"/customers/{ada_id}", "merged")
    assert console.agent.page(f"/customers/{ada_id}").one("h1").text == "Ada King"


def test_the_rules_choice_is_confirmed_as_it_was_shown__MRG_4(console: Console) -> None:
    ada_id, bo_id = console.customer("Ada King"), console.customer("Ada Lovelace-King")
    path = f"/customers/{ada_id}/merge/{bo_id}"
    assert console.agent.sent(path, **_as_shown(console.agent.page(path))) == (f"/customers/{ada_id}", "merged")
    assert console.agent.page(f"/customers/{ada_id}").one("h1").text == "Ada Lovelace-King"


def test_the_page_of_a_merge_shows_all_that_both_hold__MRG_4(console: Console) -> None:
    held = []
    for number, city in ((1, "Bath"), (2, "York")):
        one = console.customer(
            f"Lena {number}", PointInput("email", f"lena{number}@kite.example"), customer_id=f"C-{number}"
        )
        words.add_detail(console.base, one, "colour", f"red {number}")
        words.add_address(console.base, one, f"{number} Main St", city=city)
        words.relate(console.base, one, console.customer(f"Ben {number}"), "spouse")
        held.append(one)
    shown = console.agent.page(f"/customers/{held[1]}/merge/{held[0]}").text
    for number, city in ((1, "Bath"), (2, "York")):
        for value in (
            f"lena{number}@kite.example",
            f"C-{number}",
            f"colour: red {number}",
            f"spouse: Ben {number}",
            city,
        ):
            assert value in shown, value


def test_whoever_comes_second_to_a_merge_is_led_to_the_survivor__MRG_11(console: Console) -> None:
    ada_id, bo_id = console.customer("Ada"), console.customer("Bo")
    path = f"/customers/{ada_id}/merge/{bo_id}"
    fields = _as_shown(console.lead.page(path))
    assert console.agent.sent(path, **_as_shown(console.agent.page(path)))[1] == "merged"
    assert console.lead.sent(path, **fields) == (f"/customers/{ada_id}", "moved-on")
    assert console.lead.get(path).headers["location"] == f"/customers/{ada_id}?said=moved-on"
    console.lead.page(f"/customers/{ada_id}/merge/{ada_id}", 409)


def test_a_refusal_says_in_its_title_what_was_refused(console: Console) -> None:
    """What was only to be read is not said to be unsaved."""
    ada_id = console.customer("Ada")
    assert "Couldn't open this page" in console.lead.page(f"/customers/{ada_id}/merge/{ada_id}", 409).text
    assert "Couldn't save your change" in console.agent.refused(f"/customers/{ada_id}/points", 422, kind="email").text
    assert "You don't have access" in console.agent.page("/settings", 403).text
    assert "Page not found" in console.agent.page("/nowhere", 404).text


def test_addresses_that_differ_are_shown_as_different_wherever_two_customers_are_compared__MRG_4(
    console: Console,
) -> None:
    """Two towns of one name: the region tells them apart."""
    emails = ("ada.king@gmail.com", "ada.king@gmial.com")
    ada_id, bo_id = (console.customer("Ada King", PointInput("email", email)) for email in emails)
    for profile_id, region in ((ada_id, "Illinois"), (bo_id, "Missouri")):
        words.add_address(console.base, profile_id, "1 Main St", region=region)
    lines = {f"1 Main St, London, {region}" for region in ("Illinois", "Missouri")}
    for path in (f"/customers/{ada_id}/merge/{bo_id}", f"/queue/{ada_id}/{bo_id}"):
        page = console.lead.page(path)
        assert {line for line in lines if line in page.text} == lines, path
    text = console.lead.page(f"/customers/{ada_id}").text
    assert "1 Main St, London, Illinois" in text


def _as_shown(page: Html) -> dict[str, str]:
    """What a browser sends of the form of a merge that nobody has touched."""
    return {
        field["name"]: field["value"]
        for field in page.all("input")
        if field.attributes.get("name", "q") != "q"
        and (field.attributes.get("type") == "hidden" or "checked" in field.attributes)
    }


@pytest.mark.parametrize("path", ["/customers/%00", "/customers/x?before=x", "/customers/%F0%9F%90%8D", "/files/a/b/c"])
def test_odd_addresses_are_refused_kindly(console: Console, path: str) -> None:
    answer: httpx.Response = console.agent.get(path)
    assert answer.status_code in (404, 422)
    assert "wrong here" not in answer.text


@pytest.mark.parametrize(
    "then",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example/",
        "/\t/evil.example",
        "javascript:alert(1)",
        "evil",
        "\n/",
    ],
)
def test_signing_in_leads_to_no_other_site(console: Console, then: str) -> None:
    answer = console.agent.get("/sign-in", params={"then": then})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    form = console.nobody.page("/sign-in", then=then)
    assert {field["value"] for field in form.all("input", name="then")} <= {"/", "/customers"}


def test_signing_in_leads_on_to_what_was_asked_for(console: Console) -> None:
    assert console.agent.get("/sign-in", params={"then": "/customers?x=1"}).headers["location"] == "/customers?x=1"


# Finding


def test_what_matched_is_marked_and_nothing_that_is_typed_runs__UI_6(console: Console) -> None:
    console.customer("Søren <b>Kierkegaard", PointInput("email", "soren@kite.example"))
    page = console.agent.page("/search", q="soren kierk")
    assert [mark.text for mark in page.all("mark")] == ["Søren", "Kierk", "soren"]
    assert page.all("b") == []
    assert [mark.text for mark in console.agent.page("/search", q="k").all("mark")] == ["K", "k"]
    page = console.agent.page("/search", q="ierkeg")
    assert [mark.text for mark in page.all("mark")] == ["ierkeg"]
    assert console.agent.page("/search", q="<script>alert(1)</script>").all("mark") == []


def test_more_than_fifty_is_said__UI_6(console: Console) -> None:
    for n in range(51):
        console.customer(f"Smith Number{n}")
    page = console.agent.page("/search", q="smith")
    assert "There are more than 50." in page.text
    assert len(page.all("a", class_="found")) == 50
    assert "There are more" not in console.agent.page("/search", q="number17").text


# Giving out and erasing


def test_an_admin_exports_a_customer_and_erases_one_whose_id_is_typed(console: Console) -> None:
    ada_id = console.contact("email", email="ada@kite.example", name="Ada", body="Hello")
    exported = console.admin.post(f"/customers/{ada_id}/export")
    assert exported.json()["complete"] is True
    assert f'filename="customer-{ada_id}.json"' in exported.headers["content-disposition"]
    console.admin.refused(f"/customers/{ada_id}/erase", 422, confirm="Ada")
    assert console.admin.sent(f"/customers/{ada_id}/erase", confirm=ada_id) == ("/customers", "erased")
    console.admin.page(f"/customers/{ada_id}", 404)


def test_attributes_are_added_changed_and_removed_on_the_card(console: Console) -> None:
    ada_id = console.customer("Ada")
    path = f"/customers/{ada_id}/attributes"
    console.agent.sent(path, key="Plan", value="Gold")
    console.agent.sent(path, key="Plan", value="Silver", **{"was.value": "Gold"})
    assert "Silver" in console.agent.page(f"/customers/{ada_id}").text
    console.agent.refused(path, 409, key="Plan", value="Bronze", **{"was.value": "Gold"})  # somebody was faster (UI-4)
    console.agent.sent(path, key="Plan", value="Silver", remove="1", **{"was.value": "Silver"})
    assert words.show(console.base, ada_id).row.attributes == {}


# Adding a customer


def test_a_customer_is_added_with_several_points_details_and_a_relationship__PRO_6__PRO_8(console: Console) -> None:
    bob_id = console.customer("Bob", PointInput("email", "bob@kite.example"))
    fields = {
        "name": "Ada",
        "email": "ada@kite.example",
        "email_2": "ada@work.example",
        "email_main_2": "1",
        "phone_3": "+44 20 7946 0001",
        "phone_type_3": "home",
        "phone_sms_3": "1",
        "detail_key": "Allergy",
        "detail_value": "nuts",
        "detail_key_2": "Colour",
        "detail_value_2": "green",
        "other": "bob@kite.example",
        "relation": "spouse",
    }
    path, said = console.agent.sent("/customers/new", **fields)
    view = words.show(console.base, path.rpartition("/")[2])
    assert said == "added"
    assert {(p.value, p.main, p.sms) for p in view.points} == {
        ("ada@kite.example", False, False),
        ("ada@work.example", True, False),
        ("+442079460001", False, True),
    }
    assert {(d["key"], d["value"]) for d in view.details} == {("Allergy", "nuts"), ("Colour", "green")}
    assert [(r.profile_id, r.kind) for r in view.relationships] == [(bob_id, "spouse")]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"email_2": "nobody"}, "email_2"),
        ({"phone_3": "call me", "phone_type_3": "home"}, "phone_3"),
        ({"detail_key": "Allergy"}, "detail_value"),
        ({"other": "nobody@kite.example", "relation": "spouse"}, "other"),
    ],
)
def test_what_is_refused_is_said_of_its_field_and_nobody_is_added__UI_3(
    console: Console, fields: dict[str, str], field: str
) -> None:
    page = console.agent.refused("/customers/new", 422, name="Ada", **fields)
    assert page.one("div", id="refusal")["data-field"] == field
    assert words.found_by(console.base, "Ada") == []
