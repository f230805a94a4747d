"""Pictures of every page for docs/screenshots, of a sample base that is the same every time: `make screenshots`."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Browser, Page
from rich.console import Console

from onefold import demo
from onefold.accounts import signing_in, store
from onefold.conversations import store as conversations
from onefold.conversations import timeline_store as timelines
from onefold.database.engine import Database, UnitOfWork
from onefold.database.transactions import run_in_transaction
from onefold.merging import store as merges
from onefold.organizations.store import organization_ids
from onefold.profiles import service as profiles
from onefold.suggestions import service as suggestions
from onefold.suggestions.store import QueueFilter
from tests.api.conftest import serving
from tests.browser.chromium import NoBrowser, chromium
from tests.browser.pictures import shrunk

PICTURES = Path(__file__).parents[2] / "docs" / "screenshots"
CUSTOMERS = 400
LARGEST_PICTURE = 200_000
DESK, PHONE = (1440, 900), (390, 844)


class Shot(NamedTuple):
    """A picture: its name, the page, and how it is looked at."""

    name: str
    path: str
    size: tuple[int, int] = DESK
    scheme: str = "light"


def main() -> None:
    """Writes every picture anew."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sample.db"
        made = demo.prepare(path, CUSTOMERS, Console())
        database = Database(f"sqlite:///{path}")
        organization_id = organization_ids(database)[0][0]
        token = run_in_transaction(database, organization_id, _signed_in)
        with database.read(organization_id) as unit:
            shots = list(_shots(unit, made.pair))
        database.dispose()
        with serving(f"sqlite:///{path}") as address, chromium() as browser:
            for shot in shots:
                _take(browser, address, token, shot)


def _signed_in(unit: UnitOfWork) -> str:
    """A session of an admin, who sees every page."""
    admin = next(agent for agent in store.list_agents(unit) if agent.role == "admin")
    token = signing_in.begin_again(unit, admin.id, "console 192.0.2.1").token
    _give_work(unit, admin.id)
    return token


def _give_work(unit: UnitOfWork, agent_id: str) -> None:
    """Some conversations of the organization, so that the admin's own list is not empty."""
    for inbox_id, _ in store.list_inboxes(unit):
        for row in conversations.open_conversations(unit, inbox_id, None, 3):
            conversations.change_conversation(unit, row.id, assignee_id=agent_id)


def _shots(unit: UnitOfWork, pair: tuple[str, str]) -> Iterator[Shot]:
    one, other = pair
    customer_id = _well_known(unit)
    inbox_id = store.list_inboxes(unit)[0][0]
    merge = next(iter(merges.list_merges(unit, None, None, 1)), None)
    yield Shot("sign-in", "/sign-in")
    yield Shot("my-customers", "/customers")
    yield Shot("customer", f"/customers/{customer_id}")
    yield Shot("customer-dark", f"/customers/{customer_id}", scheme="dark")
    yield Shot("customer-phone", f"/customers/{customer_id}", PHONE)
    yield Shot("add-customer", "/customers/new")
    yield Shot("inbox", f"/inboxes/{inbox_id}")
    yield Shot("search", "/search?q=a")
    yield Shot("matches", f"/customers/{one}/matches")
    yield Shot("merge-find", f"/customers/{one}/merge")
    yield Shot("merge-preview", f"/customers/{one}/merge/{other}")
    yield Shot("merge-together", f"/customers/{customer_id}/merge-together?source={one}&source={other}")
    yield Shot("origins", f"/customers/{one}/origins")
    yield Shot("queue", "/queue")
    yield Shot("merges", "/merges")
    if merge is not None:
        yield Shot("merge-undo", f"/merges/{merge.id}")
    for page in ("insights", "audit", "account", "keys"):
        yield Shot(page, f"/{page}")
    yield Shot("settings", "/settings")
    for subject in ("matching", "merging", "blocklist", "mail", "inboxes", "agents", "keys", "webhooks", "channels"):
        yield Shot(f"settings-{subject}", f"/settings/{subject}")


def _well_known(unit: UnitOfWork) -> str:
    """Of the likeliest duplicates the customer of whom most is known."""
    views = suggestions.queue(unit, QueueFilter(), None, 60)
    return max({one.row.id for view in views for one in (view.one, view.other)}, key=lambda one: _known_of(unit, one))


def _known_of(unit: UnitOfWork, profile_id: str) -> tuple[int, str]:
    view, said = profiles.read(unit, profile_id), timelines.timeline(unit, [profile_id], None, 10)
    return 4 * len(view.details) + 2 * len(view.points) + len(said) + len(view.relationships), profile_id


def _take(browser: Browser, address: str, token: str, shot: Shot) -> None:
    width, height = shot.size
    context = browser.new_context(
        base_url=address,
        viewport={"width": width, "height": height},
        color_scheme=shot.scheme,  # type: ignore[arg-type]
        reduced_motion="reduce",
        timezone_id="Europe/London",
    )
    if not shot.path.startswith("/sign-in"):
        context.add_cookies([{"name": "onefold", "value": token, "url": address}])
        context.add_cookies([{"name": "zone", "value": "Europe/London", "url": address}])
    page = context.new_page()
    answer = page.goto(shot.path)
    assert answer is not None
    assert answer.status == 200, f"{answer.status} at {shot.path}"
    _save(page, PICTURES / f"{shot.name}.png")
    context.close()


def _save(page: Page, path: Path) -> None:
    size = path.write_bytes(shrunk(page.screenshot(animations="disabled", caret="hide")))
    assert size <= LARGEST_PICTURE, f"{path.name} has {size:,} bytes"
    print(f"{path.name}: {size:,} bytes")


if __name__ == "__main__":
    try:
        main()
    except NoBrowser as missing:
        sys.exit(f"!! {missing}")
