"""Passkeys in a real browser, whose device is Chromium's virtual one (ASVS V6)."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Desk, SitDown
from tests.console.conftest import Console


def by_name(console: Console) -> str:
    """The address by a name: browsers make no passkeys for IP addresses."""
    return console.served.address.replace("127.0.0.1", "localhost")


def with_device(desk: Desk) -> Page:
    """The page of a browser that has a device for passkeys, whose owner is at hand."""
    page = desk.page
    device = desk.context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    device.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return page


def test_a_passkey_is_made_used_and_removed(sit: SitDown, console: Console) -> None:
    mara = sit(console.agent)
    mara.context.add_cookies([{"name": "onefold", "value": str(console.agent.token), "url": by_name(console)}])
    page = with_device(mara)
    page.goto(f"{by_name(console)}/account")
    mara.button("Add a passkey …").click()
    page.locator("main").get_by_label("Name").fill("Work laptop")
    mara.button("Make the passkey").click()
    mara.says("Passkey added")
    expect(mara.card("Passkeys")).to_contain_text("Work laptop")

    page.get_by_label("Your account").click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page).to_have_url(re.compile("/sign-in"))
    mara.expects("401")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page).not_to_have_url(re.compile("/sign-in"))
    page.goto(f"{by_name(console)}/account")
    expect(mara.card("Passkeys")).to_contain_text("last used")

    mara.card("Passkeys").get_by_role("button", name="Remove the passkey Work laptop").click()
    mara.says("Passkey removed")
    expect(mara.card("Passkeys")).not_to_contain_text("Work laptop")


def test_where_there_is_no_passkey_the_form_says_so(sit: SitDown, console: Console) -> None:
    nobody = sit(console.nobody)
    page = with_device(nobody)
    page.goto(f"{by_name(console)}/sign-in")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("No passkey was used")


def test_by_an_ip_address_none_is_offered(sit: SitDown, console: Console) -> None:
    nobody = sit(console.nobody)
    expect(nobody.open("/sign-in").get_by_role("button", name="Sign in with a passkey")).to_have_count(0)
    mara = sit(console.agent)
    mara.open("/account")
    mara.button("Add a passkey …").click()
    expect(mara.page.locator("main")).to_contain_text("only for sites with a name")
