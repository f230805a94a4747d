"""Seeing who else a customer is, and joining the two (SUG-3, MRG-1, MRG-4, MRG-12, MRG-17, RES-16)."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from onefold.profiles import service as profiles
from onefold.profiles.service import PointInput
from tests.browser.conftest import Desk
from tests.console.conftest import Console
from tests.dsl import words


def living(console: Console, profile_id: str) -> str:
    """Whom an id leads to today."""
    return words.do(console.base, lambda unit: profiles.resolve_redirect(unit, profile_id))


def three_of_one_name(console: Console) -> tuple[str, str, str]:
    """A customer and two others who are suggested with her."""
    ada_id = console.contact("email", email="ada.lovelace@gmail.com", name="Ada Lovelace", body="1")
    one_id = console.contact("email", email="ada.lovelace@gmial.com", name="Ada Lovelace", body="2")
    other_id = console.contact("email", email="ada.lovelace@gmail.con", name="Ada Lovelace", body="3")
    return ada_id, one_id, other_id


def test_step_through_the_matches_and_decide__SUG_3__SUG_4(mara: Desk, console: Console) -> None:
    """View matches, the next one, No Match, Match: by the keyboard."""
    ada_id, one_id, other_id = three_of_one_name(console)
    page = mara.open(f"/customers/{ada_id}")
    callout = page.get_by_role("region", name="Matching customers")
    expect(callout).to_contain_text("Matching customers found!")
    page.keyboard.press("v")
    expect(page.get_by_role("heading", name="Matching customers found!")).to_be_visible()
    expect(page.get_by_text("1 of 2")).to_be_visible()
    sides = page.get_by_role("table", name="Both customers side by side")
    expect(sides.get_by_role("row", name="Name").get_by_text("matches:")).to_have_count(2)
    expect(page.get_by_text("Same email but for a mistyped provider")).to_be_visible()
    page.keyboard.press("j")
    expect(page.get_by_text("2 of 2")).to_be_visible()
    page.keyboard.press("k")
    expect(page.get_by_text("1 of 2")).to_be_visible()
    mara.decide("n")
    mara.says("No Match.")
    expect(page.get_by_text("1 of 2")).to_have_count(0)
    mara.decide("m")
    mara.says("Merged.")
    expect(page.get_by_role("heading", level=1)).to_have_text("Ada Lovelace")
    expect(page).to_have_url(re.compile(ada_id))  # the older one stays
    assert len({living(console, one) for one in (ada_id, one_id, other_id)}) == 2


def test_match_may_keep_the_newer_one__SUG_3(mara: Desk, console: Console) -> None:
    ada_id, *_ = three_of_one_name(console)
    page = mara.open(f"/customers/{ada_id}/matches")
    page.get_by_label("keep the newer one instead").check()
    mara.button("Match").click()
    mara.says("Merged.")
    assert ada_id not in page.url
    mara.open(f"/customers/{ada_id}")  # whose id goes on answering
    mara.says("That customer was merged into this one.")


def test_merge_with_a_choice__MRG_1__MRG_4(mara: Desk, console: Console) -> None:
    """Find as one types; the rule's choice is made already; another choice shows at once; then confirm."""
    ada_id = console.customer("Ada King", username="ada")
    twin_id = console.customer("Ada Lovelace-King", username="lovelace")
    page = mara.open(f"/customers/{ada_id}")
    page.keyboard.press("m")
    expect(page.locator("#main").get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("lovel")
    page.locator("#merge-found").get_by_role("link", name="Ada Lovelace-King").click()
    expect(page.locator("main")).to_contain_text("Ada Lovelace-King merges into Ada King.")
    name = page.get_by_role("row", name=re.compile("^Name"))
    expect(name.get_by_role("radio").nth(0)).to_be_checked()  # the longer name is kept
    expect(name).to_contain_text("the longer name is kept")
    name.get_by_role("radio").nth(1).check()
    expect(name).to_contain_text("your choice")
    expect(page).to_have_url(re.compile(r"choice\.name=destination"))
    expect(page.get_by_text("You can't undo this.")).to_be_visible()
    mara.button("Merge into Ada King").click()
    mara.says("Merged.")
    expect(page.get_by_role("heading", level=1)).to_have_text("Ada King")
    expect(page.get_by_role("region", name="Timeline")).to_contain_text("merged")
    assert words.show(console.base, ada_id).row.name == "Ada King"
    assert words.show(console.base, ada_id).former_ids == [twin_id]


def test_swap_sides__MRG_1(mara: Desk, console: Console) -> None:
    ada_id, bo_id = console.customer("Ada"), console.customer("Bo")
    page = mara.open(f"/customers/{ada_id}/merge/{bo_id}")
    expect(page.locator("main")).to_contain_text("Bo merges into Ada.")
    page.keyboard.press("s")
    expect(page.locator("main")).to_contain_text("Ada merges into Bo.")
    mara.button("Merge into Bo").click()
    mara.says("Merged.")
    assert page.url.split("?")[0].endswith(bo_id)


def test_a_refusal_is_cleared_by_its_step__MRG_17(mara: Desk, console: Console) -> None:
    ada_id = console.customer("Ada", customer_id="A-1")
    bo_id = console.customer("Bo", customer_id="B-2")
    page = mara.open(f"/customers/{ada_id}/merge/{bo_id}")
    expect(page.get_by_role("heading", name="1 conflict to resolve")).to_be_visible()
    expect(mara.button("Merge into Ada")).to_be_disabled()
    way = page.get_by_label("Keep Bo's customer ID B-2 as a former one, still searchable")
    way.check()
    expect(page.get_by_role("region", name="Done together with the merge")).to_contain_text("customer ID B-2")
    expect(way).to_have_count(1)
    expect(way).to_be_checked()
    way.uncheck()  # and it can be taken back
    expect(mara.button("Merge into Ada")).to_be_disabled()
    way.check()
    mara.button("Merge into Ada").click()
    mara.says("Merged.")
    expect(mara.card("Profile")).to_contain_text(re.compile(r"Former customer IDs\s*B-2"))


def test_what_was_confirmed_is_what_happens__MRG_12(mara: Desk, console: Console) -> None:
    """Where one of the two has changed since, the new preview is shown instead of merging."""
    ada_id, bo_id = console.customer("Ada"), console.customer("Bo")
    page = mara.open(f"/customers/{ada_id}/merge/{bo_id}")
    words.add_detail(console.base, bo_id, "nickname", "Bobby")
    mara.expects("412")
    mara.button("Merge into Ada").click()
    expect(page.get_by_role("alert")).to_contain_text("One of the two has changed since")
    expect(page.get_by_role("row", name=re.compile("^Details"))).to_contain_text("nickname: Bobby")
    assert living(console, bo_id) == bo_id
    mara.button("Merge into Ada").click()
    mara.says("Merged.")
    assert living(console, bo_id) == ada_id


def test_a_call_on_a_shared_line_is_filed_in_one_step__RES_16(mara: Desk, console: Console) -> None:
    line = "+12125550123"
    ada_id = console.customer("Ada", PointInput("phone", line, phone_type="office"))
    console.customer("Bo", PointInput("phone", line, phone_type="office"))
    caller_id = console.contact("voice", phone=line)
    assert caller_id != ada_id
    page = mara.open(f"/customers/{caller_id}")
    shared = page.get_by_role("region", name="Shared number")
    expect(shared.get_by_role("link")).to_have_count(2)
    mara.button("File the call with Ada", shared).click()
    mara.says("Call filed with this customer.")
    expect(page.get_by_role("heading", level=1)).to_have_text("Ada")
    expect(page.get_by_role("region", name="Timeline")).to_contain_text("Call")
    assert living(console, caller_id) == ada_id
