"""Two agents at one customer see each other before both answer (UI-4)."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import SitDown
from tests.console.conftest import Console


def test_who_else_looks_at_a_customer_and_who_writes_is_shown__UI_4(sit: SitDown, console: Console) -> None:
    ada_id = console.customer("Ada")
    mara, lena = sit(console.agent), sit(console.lead)
    first = mara.open(f"/customers/{ada_id}")
    expect(first.locator("#here")).to_be_empty()
    second = lena.open(f"/customers/{ada_id}")
    expect(second.locator("#here")).to_have_text("Mara is looking at this customer")
    expect(first.locator("#here")).to_have_text("Lena is looking at this customer")
    second.get_by_placeholder("Write here.").fill("Hello")
    expect(first.locator("#here")).to_have_text("Lena is writing to this customer")
    lena.link("My Customers", second.locator("#nav, .top").first).first.click()
    expect(second.get_by_role("heading", level=1)).to_have_text("My Customers")
    expect(first.locator("#here")).to_be_empty()


def test_who_closes_the_page_is_there_no_longer__UI_4(sit: SitDown, console: Console) -> None:
    ada_id = console.customer("Ada")
    mara, lena = sit(console.agent), sit(console.lead)
    lena.open(f"/customers/{ada_id}")
    first = mara.open(f"/customers/{ada_id}")
    expect(first.locator("#here")).to_have_text("Lena is looking at this customer")
    lena.page.close(run_before_unload=True)
    expect(first.locator("#here")).to_be_empty()
