"""What is typed is lost to no session that ends, no server that is away, no second tab and no refusal (UI-3, UI-4)."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from onefold.accounts import session_store
from onefold.conversations import drafts
from onefold.profiles.service import PointInput
from tests.browser.conftest import Desk, SitDown
from tests.console.conftest import Console
from tests.dsl import words

OUT = "You're signed out."


def ends_sessions(console: Console) -> None:
    """The agent's sessions end, as they do after a day's work."""
    agent_id = console.agent.agent_id
    words.do(console.base, lambda unit: session_store.end_sessions(unit, agent_id=agent_id))


def signs_in_again(desk: Desk, console: Console) -> None:
    """The agent has a session again, by whatever way; the page is asked for once more."""
    token = console.session(desk.seat.agent_id)
    desk.context.add_cookies([{"name": "onefold", "value": token, "url": console.served.address}])


def bodies(console: Console, profile_id: str, agent_id: str) -> list[str]:
    with console.database.read(console.organization_id) as unit:
        return sorted(draft.body for draft in drafts.of_profile(unit, profile_id, agent_id, None, 50))


def composer(page: Page):  # type: ignore[no-untyped-def]
    return page.get_by_placeholder("Write here.")


# The session has ended


def test_sending_after_the_session_ended_keeps_the_text_and_sends_nothing__UI_3(mara: Desk, console: Console) -> None:
    mara.expects("401")
    ada_id = console.customer("Ada")
    page = mara.open(f"/customers/{ada_id}")
    page.get_by_role("radio", name="Note").check()
    ends_sessions(console)
    composer(page).fill("She called about the order.")
    mara.button("Add note").click()
    expect(page.get_by_text(OUT)).to_be_visible()
    expect(composer(page)).to_have_value("She called about the order.")
    link = page.get_by_role("link", name="Sign in")
    assert f"/sign-in?then=/customers/{ada_id}" in (link.get_attribute("href") or "").replace("%2F", "/")
    link.click()
    page.wait_for_url(re.compile("/sign-in"))
    signs_in_again(mara, console)
    page.goto(f"/customers/{ada_id}")
    expect(composer(page)).to_have_value("She called about the order.")
    expect(page.get_by_role("radio", name="Note")).to_be_checked()
    expect(page.get_by_text("Draft saved")).to_be_visible()
    assert words.said(console.base, ada_id) == []
    mara.button("Add note").click()
    mara.says("Note added.")
    page.reload()
    expect(composer(page)).to_have_value("")


def test_typing_after_the_session_ended_says_so_and_goes_on_once_signed_in_elsewhere__UI_3(
    mara: Desk, console: Console
) -> None:
    mara.expects("401")  # of the stream that tells of changes
    ada_id = console.customer("Ada")
    page = mara.open(f"/customers/{ada_id}")
    ends_sessions(console)
    composer(page).press_sequentially("Half a sent")
    expect(page.get_by_text(OUT)).to_be_visible()
    composer(page).press_sequentially("ence")
    signs_in_again(mara, console)
    expect(page.get_by_text(OUT)).to_have_count(0)
    expect(page.get_by_text("Draft saved")).to_be_visible()
    assert bodies(console, ada_id, mara.seat.agent_id) == ["Half a sentence"]


@pytest.mark.parametrize("how", ["sends", "reloads"])
def test_add_new_customer_outlives_the_session__UI_3(mara: Desk, console: Console, how: str) -> None:
    mara.expects("401")
    page = mara.open("/customers/new")
    ends_sessions(console)
    page.get_by_label("Name", exact=True).fill("Ada Lovelace")
    page.get_by_label("Phone", exact=True).fill("+44 20 7946 0001")
    page.get_by_label("SMS can be sent to it", exact=True).check()
    if how == "sends":
        mara.button("Add customer").click()
        expect(page.get_by_text(OUT)).to_be_visible()
        expect(page.get_by_label("Name", exact=True)).to_have_value("Ada Lovelace")
    else:
        page.reload()
        page.wait_for_url(re.compile("/sign-in"))
    signs_in_again(mara, console)
    page.goto("/customers/new")
    expect(page.get_by_text("What you typed before is here again.")).to_be_visible()
    expect(page.get_by_label("Phone", exact=True)).to_have_value("+44 20 7946 0001")
    expect(page.get_by_label("SMS can be sent to it", exact=True)).to_be_checked()
    mara.button("Add customer").click()
    mara.says("Customer added.")
    mara.open("/customers/new")
    expect(page.get_by_label("Name", exact=True)).to_have_value("")


def test_a_card_s_form_outlives_the_session_and_what_was_put_away_does_not_come_back__UI_3(
    mara: Desk, console: Console
) -> None:
    mara.expects("401")
    ada_id = console.customer("Ada")
    page = mara.open(f"/customers/{ada_id}")
    menu = mara.menu("Add a detail")
    menu.get_by_label("What").fill("Allergy")
    menu.get_by_label("Value").fill("nuts")
    ends_sessions(console)
    menu.get_by_role("button", name="Add detail").click()
    expect(page.get_by_text(OUT)).to_be_visible()
    signs_in_again(mara, console)
    page.reload()
    expect(page.locator("details.menu[open]").get_by_label("Value")).to_have_value("nuts")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.get_by_role("heading", level=1).click()
    page.reload()
    expect(page.locator("details.menu[open]")).to_have_count(0)


def test_following_sign_in_from_a_card_s_menu_keeps_what_was_typed__UI_3(mara: Desk, console: Console) -> None:
    """The fault: the click on "Sign in" closed the menu, and that was taken for putting it away."""
    mara.expects("401")
    ada_id = console.customer("Ada")
    page = mara.open(f"/customers/{ada_id}")
    menu = mara.menu("Add a detail")
    menu.get_by_label("What").fill("Allergy")
    menu.get_by_label("Value").fill("nuts")
    ends_sessions(console)
    menu.get_by_role("button", name="Add detail").click()
    page.get_by_role("link", name="Sign in").click()
    page.wait_for_url(re.compile("/sign-in"))
    signs_in_again(mara, console)
    page.goto(f"/customers/{ada_id}")
    expect(page.locator("details.menu[open]").get_by_label("Value")).to_have_value("nuts")


def test_what_comes_back_overwrites_no_change_of_somebody_else_s__UI_3__UI_4(mara: Desk, console: Console) -> None:
    """The fault: every field came back, those too that its agent had left alone, beside what the new page showed."""
    mara.expects("401")
    mara.expects("409")
    mara.expects("htmx:")
    ada_id = console.customer("Ada", username="ada")
    page = mara.open(f"/customers/{ada_id}")
    menu = mara.menu("Edit the profile")
    menu.get_by_label("Name", exact=True).fill("Ada King")
    ends_sessions(console)
    menu.get_by_role("button", name="Save").click()
    expect(page.get_by_text(OUT)).to_be_visible()
    words.edit(console.base, ada_id, username="countess")
    signs_in_again(mara, console)
    page.reload()
    menu = page.locator("details.menu[open]")
    expect(menu.get_by_label("Username")).to_have_value("countess")
    words.edit(console.base, ada_id, name="Ada Lovelace")
    menu.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert").get_by_role("cell")).to_have_text(["Ada Lovelace", "Ada King"])
    row = words.show(console.base, ada_id).row
    assert (row.name, row.username) == ("Ada Lovelace", "countess")


def test_what_comes_back_into_the_composer_is_no_other_draft_s__UI_3(mara: Desk, console: Console) -> None:
    mara.expects("401")
    ada_id = console.customer("Ada")
    page = mara.open(f"/customers/{ada_id}")
    page.get_by_role("radio", name="Note").check()
    ends_sessions(console)
    composer(page).fill("Written here")
    expect(page.get_by_text(OUT)).to_be_visible()
    words.add_draft(console.base, ada_id, mara.seat.agent_id, drafts.Composed("note", "Written elsewhere"))
    signs_in_again(mara, console)
    page.reload()
    expect(page.get_by_text("Draft saved")).to_be_visible()
    assert bodies(console, ada_id, mara.seat.agent_id) == ["Written elsewhere", "Written here"]


def test_ticks_stay_when_something_arrives__UI_3(mara: Desk, console: Console) -> None:
    console.contact("email", email="ada@kite.example", name="Ada", body="Hello")
    page = mara.open(f"/inboxes/{console.general_id}")
    page.get_by_label("Tick the conversation with Ada").check()
    console.contact("email", email="bob@kite.example", name="Bob", body="Hello")
    expect(page.get_by_label("Tick the conversation with Bob")).to_be_visible()
    expect(page.get_by_label("Tick the conversation with Ada")).to_be_checked()


def test_another_agent_at_the_same_browser_sees_nothing_of_it__UI_3(mara: Desk, console: Console) -> None:
    page = mara.open("/customers/new")
    page.get_by_label("Name", exact=True).fill("Ada Lovelace")
    mara.context.add_cookies([{"name": "onefold", "value": console.lead.token, "url": console.served.address}])
    page.reload()
    expect(page.get_by_label("Name", exact=True)).to_have_value("")


# The server is away


def goes_away(page: Page, from_path: str = "**/*") -> Callable[[], None]:
    """Nothing reaches the service any more, until what is returned is called."""

    def cut(route: Route) -> None:
        route.abort("connectionrefused")

    page.route(from_path, cut)
    return lambda: page.unroute(from_path, cut)


def test_what_is_sent_while_the_server_is_away_is_sent_once_it_is_back__UI_3(mara: Desk, console: Console) -> None:
    for complaint in ("ERR_CONNECTION_REFUSED", "htmx:sendError", "EventSource"):
        mara.expects(complaint)
    ada_id = console.customer("Ada")
    page = mara.open(f"/customers/{ada_id}")
    page.get_by_role("radio", name="Note").check()
    comes_back = goes_away(page)
    composer(page).fill("She called.")
    mara.button("Add note").click()
    expect(page.get_by_text("Onefold can't be reached. What you asked for is done")).to_be_visible()
    comes_back()
    mara.says("Note added.")
    assert words.said(console.base, ada_id) == ["She called."]
    expect(page.get_by_text("Onefold can't be reached.")).to_have_count(0)


def test_an_answer_that_was_lost_on_its_way_back_is_not_done_twice__UI_3__UI_4(mara: Desk, console: Console) -> None:
    for complaint in ("ERR_CONNECTION_RESET", "htmx:sendError"):
        mara.expects(complaint)
    page = mara.open("/customers/new")
    page.get_by_label("Name", exact=True).fill("Ada")
    lost: list[str] = []

    def lose(route: Route) -> None:
        if route.request.method == "POST" and not lost:
            lost.append(route.fetch(max_redirects=0).headers["location"])
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route("**/customers/new", lose)
    mara.button("Add customer").click()
    mara.says("Customer added.")
    expect(page).to_have_url(re.compile(lost[0].split("?")[0]))
    assert len(words.found_by(console.base, "Ada")) == 1


def test_a_link_followed_while_the_server_is_away_is_followed_once_it_is_back__UI_3(
    mara: Desk, console: Console
) -> None:
    for complaint in ("ERR_CONNECTION_REFUSED", "htmx:sendError", "EventSource"):
        mara.expects(complaint)
    page = mara.open("/customers")
    comes_back = goes_away(page)
    mara.link("Add New Customer").click()
    expect(page.get_by_text("Onefold can't be reached.")).to_be_visible()
    comes_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Add New Customer")


def test_who_has_thought_better_of_it_meanwhile_sends_nothing__UI_3(mara: Desk, console: Console) -> None:
    for complaint in ("ERR_CONNECTION_REFUSED", "htmx:sendError", "EventSource"):
        mara.expects(complaint)
    ada_id = console.customer("Ada")
    page = mara.open(f"/customers/{ada_id}")
    page.get_by_role("radio", name="Note").check()
    comes_back = goes_away(page)
    composer(page).fill("She called.")
    mara.button("Add note").click()
    page.get_by_role("button", name="Don't").click()
    composer(page).fill("She called twice.")
    comes_back()
    expect(page.get_by_text("Draft saved")).to_be_visible()
    assert words.said(console.base, ada_id) == []
    assert bodies(console, ada_id, mara.seat.agent_id) == ["She called twice."]


def test_the_page_of_a_proxy_takes_nothing_away__UI_3(mara: Desk, console: Console) -> None:
    mara.expects("502")
    mara.expects("htmx:")
    ada_id = console.customer("Ada")
    page = mara.open(f"/customers/{ada_id}")
    page.get_by_role("radio", name="Note").check()
    composer(page).fill("She called.")
    expect(page.get_by_text("Draft saved")).to_be_visible()
    answers = iter([True])
    page.route(
        "**/write",
        lambda route: (
            route.fulfill(status=502, body="<html><body>Bad gateway</body></html>", content_type="text/html")
            if next(answers, False)
            else route.continue_()
        ),
    )
    mara.button("Add note").click()
    mara.says("Note added.")
    assert words.said(console.base, ada_id) == ["She called."]


# Two tabs of one agent


def test_a_second_tab_shows_what_was_written_in_the_first__UI_3(mara: Desk, console: Console) -> None:
    ada_id = console.customer("Ada")
    first, second = mara.open(f"/customers/{ada_id}"), mara.context.new_page()
    second.goto(f"/customers/{ada_id}")
    first.bring_to_front()
    composer(first).fill("Begun in the first")
    expect(first.get_by_text("Draft saved")).to_be_visible()
    second.bring_to_front()
    second.evaluate("refresh()")
    expect(composer(second)).to_have_value("Begun in the first")


def test_neither_of_two_tabs_overwrites_the_other__UI_3__UI_4(mara: Desk, console: Console) -> None:
    ada_id = console.customer("Ada")
    words.add_draft(console.base, ada_id, mara.seat.agent_id, drafts.Composed("note", "Begun"))
    first, second = mara.open(f"/customers/{ada_id}"), mara.context.new_page()
    second.goto(f"/customers/{ada_id}")
    composer(second).focus()
    composer(first).fill("Begun, and gone on in the first")
    expect(first.get_by_text("Draft saved")).to_be_visible()
    composer(second).fill("Begun, and gone on in the second")
    expect(second.get_by_text("Kept as a draft of its own")).to_be_visible()
    assert bodies(console, ada_id, mara.seat.agent_id) == [
        "Begun, and gone on in the first",
        "Begun, and gone on in the second",
    ]


# A refused form


def test_a_refused_form_stays_filled_and_the_field_says_why__UI_3(mara: Desk, console: Console) -> None:
    mara.expects("422")
    mara.expects("htmx:")
    page = mara.open("/customers/new")
    page.get_by_label("Name", exact=True).fill("Ada")
    page.get_by_label("Phone", exact=True).fill("call me")
    mara.button("Add customer").click()
    phone = page.get_by_label("Phone", exact=False).and_(page.locator("[aria-invalid=true]"))
    expect(phone).to_be_focused()
    expect(phone).to_have_value("call me")
    expect(page.get_by_label("Name", exact=True)).to_have_value("Ada")
    phone.fill("+44 20 7946 0001")
    mara.button("Add customer").click()
    mara.says("Customer added.")


def test_a_taken_email_keeps_the_form_and_offers_the_merge__UI_3__PRO_4(sit: SitDown, console: Console) -> None:
    console.customer("Ada Lovelace", PointInput("email", "ada@kite.example"))
    mara = sit(console.agent)
    mara.expects("409")
    mara.expects("htmx:")
    page = mara.open("/customers/new")
    page.get_by_label("Name", exact=True).fill("A. Lovelace")
    page.get_by_label("Email", exact=True).fill("ada@kite.example")
    mara.button("Add customer").click()
    refusal = page.get_by_role("alert")
    expect(refusal.get_by_text("Ada Lovelace holds this contact point.")).to_be_visible()
    expect(page.get_by_label("Name", exact=True)).to_have_value("A. Lovelace")
    refusal.get_by_role("button", name="Add without it, and merge the two").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Merge")


# Another has changed the same


def test_what_two_have_changed_is_shown_beside_the_form__UI_4(sit: SitDown, console: Console) -> None:
    ada_id = console.customer("Ada")
    mara, lena = sit(console.agent), sit(console.lead)
    mara.expects("409")
    mara.expects("htmx:")
    page = mara.open(f"/customers/{ada_id}")
    menu = mara.menu("Edit the profile")
    menu.get_by_label("Name", exact=True).fill("Ada King")
    lena.open(f"/customers/{ada_id}")
    theirs = lena.menu("Edit the profile")
    theirs.get_by_label("Name", exact=True).fill("Ada Lovelace")
    theirs.get_by_role("button", name="Save").click()
    lena.says("Saved.")
    menu.get_by_role("button", name="Save").click()
    refusal = page.get_by_role("alert")
    expect(refusal.get_by_role("cell")).to_have_text(["Ada Lovelace", "Ada King"])
    expect(page.get_by_text("What you typed before is here again.")).to_have_count(0)
    refusal.get_by_role("button", name="Save mine instead").click()
    mara.says("Saved.")
    expect(page.get_by_role("heading", level=1)).to_have_text("Ada King")
    page.reload()
    expect(page.locator("details.menu[open]")).to_have_count(0)


def test_who_keeps_what_is_there_now_has_done_with_their_own__UI_4(mara: Desk, console: Console) -> None:
    ada_id = console.customer("Ada")
    mara.expects("409")
    mara.expects("htmx:")
    page = mara.open(f"/customers/{ada_id}")
    menu = mara.menu("Edit the profile")
    menu.get_by_label("Name", exact=True).fill("Ada King")
    words.edit(console.base, ada_id, name="Ada Lovelace")
    menu.get_by_role("button", name="Save").click()
    page.get_by_role("alert").get_by_role("link", name="Keep what is there now").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ada Lovelace")
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.locator("details.menu[open]")).to_have_count(0)


def test_a_double_click_is_one_deed__UI_4(mara: Desk, console: Console) -> None:
    page = mara.open("/customers/new")
    page.get_by_label("Name", exact=True).fill("Ada")
    mara.button("Add customer").dblclick()
    mara.says("Customer added.")
    assert len(words.found_by(console.base, "Ada")) == 1
