"""Every address of the console: who may ask for it, with what, and what it answers. `test_matrix.py` holds it to that.

Whoever adds a route adds its line here, or the test fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

NOBODY, AGENT, LEAD, ADMIN = ROLES = ("nobody", "agent", "lead", "admin")


class Place(NamedTuple):
    """A route: the least role that may, what its form or query is, and what it answers who may.

    `{name}` in a value is an id of the cast. `foreign` is the answer to an address that names another organization's
    ids; `foreign_fields` the one to a form that names them at an address of one's own.
    """

    answers: int
    fields: Mapping[str, str] = MappingProxyType({})
    least: str = AGENT
    foreign: int | None = 404
    foreign_fields: int | None = None
    values: Mapping[str, str] = MappingProxyType({})
    page: bool = True


_PAGE = Place(200)
_LIST = Place(200, foreign=None)
_DONE = Place(303)
_OPEN = Place(200, least=NOBODY, foreign=None)


_OF_SETTINGS = Place(200, least=ADMIN)
_SETTINGS = _OF_SETTINGS._replace(foreign=None)


def _done(**fields: str) -> Place:
    return _DONE._replace(fields=fields)


def _of(**fields: str) -> Place:
    """A form of an admin at an address that names what it is about."""
    return _OF_SETTINGS._replace(answers=303, fields=fields)


def _set(**fields: str) -> Place:
    """A form of an admin about the organization as a whole."""
    return _SETTINGS._replace(answers=303, fields=fields)


def _decided(**fields: str) -> Place:
    """A decision of a lead on a pair of the queue, which only its form names."""
    fields = {"pair": "{profile_id}.{other_id}", **fields}
    return Place(303, fields, least=LEAD, foreign=None, foreign_fields=404)


_CUSTOMER = "/customers/{profile_id}"

PLACES: dict[tuple[str, str], Place] = {
    # Customers
    ("GET", "/"): Place(303, least=NOBODY, foreign=None, page=False),
    ("GET", "/customers"): _LIST,
    ("GET", "/inboxes/{inbox_id}"): _PAGE,
    ("POST", "/conversations/{conversation_id}/move"): _done(customer="{other_id}"),
    ("GET", "/set-aside"): _LIST,
    ("POST", "/set-aside/{set_aside_id}/file"): _done(customer="{profile_id}"),
    ("POST", "/set-aside/{set_aside_id}/file-new"): _done(customer="new-{email}"),
    ("POST", "/set-aside/{set_aside_id}/remove"): _DONE,
    ("GET", "/search"): _LIST._replace(fields={"q": "Ada"}),
    ("GET", "/palette"): _LIST._replace(fields={"q": "Ada"}),
    ("GET", "/keys"): _LIST,
    ("GET", "/customers/new"): _LIST,
    ("POST", "/customers/new"): _done(name="Bo", email="bo-{email}", phone="")._replace(foreign=None),
    # A customer
    ("GET", _CUSTOMER): _PAGE,
    ("GET", f"{_CUSTOMER}/items"): _PAGE._replace(fields={"before": "1000000"}),
    ("POST", f"{_CUSTOMER}/fields"): _done(name="Ada Byron"),
    ("POST", f"{_CUSTOMER}/attributes"): _done(key="plan", value="gold"),
    ("POST", f"{_CUSTOMER}/points"): _done(kind="email", value="new-{email}"),
    ("POST", f"{_CUSTOMER}/points/{{point_id}}"): _done(kind="email", main="1"),
    ("POST", f"{_CUSTOMER}/points/{{point_id}}/confirm"): _DONE,
    ("POST", f"{_CUSTOMER}/points/{{point_id}}/remove"): _DONE,
    ("POST", f"{_CUSTOMER}/points/{{point_id}}/detach"): _DONE,
    ("POST", f"{_CUSTOMER}/details"): _done(key="Size", value="M"),
    ("POST", f"{_CUSTOMER}/addresses"): _done(street="2 Main St"),
    ("POST", f"{_CUSTOMER}/{{kind}}/{{part_id}}/change"): _done(key="Size", value="L")._replace(
        values={"kind": "details", "part_id": "{detail_id}"}
    ),
    ("POST", f"{_CUSTOMER}/relationships"): _done(other_id="{caller_id}", kind="friend")._replace(foreign_fields=404),
    ("POST", f"{_CUSTOMER}/relationships/{{relationship_id}}/remove"): _DONE,
    # Writing and conversations
    ("POST", f"{_CUSTOMER}/write"): _done(kind="note", body="Hello", do="send"),
    ("POST", "/drafts/{draft_id}/delete"): _DONE,
    ("POST", "/conversations/{conversation_id}/change"): _done(inbox_id="{inbox_id}")._replace(foreign_fields=404),
    ("GET", "/files/{conversation_id}/{item_id}/{position}"): Place(200, values={"position": "1"}, page=False),
    ("GET", "/text/{conversation_id}/{item_id}"): Place(200, page=False),
    ("GET", "/mail/{conversation_id}/{item_id}/{position}"): Place(200, values={"position": "0"}, page=False),
    # Matches and merging
    ("GET", f"{_CUSTOMER}/matches"): _PAGE,
    ("POST", f"{_CUSTOMER}/here"): _PAGE._replace(fields={"writing": "1"}),
    ("POST", "/inboxes/{inbox_id}/change"): _done(
        conversation="{conversation_id}", do="assign", assignee_id="nobody"
    )._replace(foreign=None, foreign_fields=404),
    ("GET", f"{_CUSTOMER}/data"): _PAGE._replace(least=ADMIN),
    ("POST", f"{_CUSTOMER}/export"): _PAGE._replace(least=ADMIN, page=False),
    ("POST", f"{_CUSTOMER}/erase"): _done(confirm="{profile_id}")._replace(least=ADMIN, foreign_fields=422),
    ("POST", f"{_CUSTOMER}/match"): _done(other_id="{caller_id}")._replace(foreign_fields=404),
    ("POST", f"{_CUSTOMER}/no-match"): _done(other_id="{other_id}")._replace(foreign_fields=404),
    ("POST", f"{_CUSTOMER}/matches/{{other_id}}/withdraw"): _DONE._replace(answers=409),
    ("POST", f"{_CUSTOMER}/file-call"): _done(other_id="{other_id}")._replace(
        values={"profile_id": "{caller_id}"}, foreign_fields=404
    ),
    ("POST", f"{_CUSTOMER}/new-owner"): _done(contact_point_id="{line_id}")._replace(answers=409),
    ("POST", f"{_CUSTOMER}/own-line"): _done(contact_point_id="{line_id}")._replace(
        values={"profile_id": "{caller_id}"}, foreign_fields=404
    ),
    ("GET", f"{_CUSTOMER}/merge"): _PAGE,
    ("GET", f"{_CUSTOMER}/merge/{{source_id}}"): _PAGE,
    ("GET", f"{_CUSTOMER}/merge-together"): _PAGE._replace(fields={"source": "{other_id}"}, foreign_fields=404),
    ("POST", f"{_CUSTOMER}/merge-together"): _done(source="{other_id}")._replace(foreign_fields=404),
    ("POST", f"{_CUSTOMER}/merge/{{source_id}}"): _DONE,
    # Signing in, and one's own account
    ("GET", "/sign-in"): _OPEN._replace(answers=200),
    ("POST", "/sign-in"): _OPEN._replace(answers=401, fields={"email": "a@kite.example", "password": "wrong password"}),
    ("POST", "/sign-in/code"): _OPEN._replace(answers=401, fields={"ticket": "x", "code": "000000"}),
    ("GET", "/sign-in/link"): _OPEN._replace(fields={"token": "x"}),
    ("POST", "/sign-in/link"): _OPEN._replace(answers=401, fields={"token": "x"}),
    ("GET", "/invitation"): _OPEN._replace(fields={"token": "x"}),
    ("POST", "/invitation"): _OPEN._replace(
        answers=401, fields={"token": "x", "password": "a good long one", "again": "a good long one"}
    ),
    ("POST", "/sign-in/passkey/begin"): _OPEN,
    ("POST", "/sign-in/passkey"): _OPEN._replace(answers=401, fields={"credential": "x"}),
    ("POST", "/account/passkeys/new"): _LIST,
    ("POST", "/account/passkeys"): Place(422, {"credential": "x", "name": "Laptop"}, foreign=None),
    ("POST", "/account/passkeys/{passkey_id}/remove"): _DONE,
    ("GET", "/sign-in/provider"): _OPEN._replace(answers=404),
    ("GET", "/sign-in/provider/back"): _OPEN._replace(answers=401),
    ("POST", "/account/provider/link"): _DONE._replace(foreign=None),
    ("POST", "/account/sessions/{session_id}/end"): _done()._replace(values={"session_id": "{session_id}"}),
    ("POST", "/account/provider/unlink"): _done(current="")._replace(foreign=None),
    ("POST", "/sign-out"): Place(303, least=NOBODY, foreign=None),
    ("GET", "/account"): _LIST,
    ("POST", "/account/password"): _done(password="a good long one", again="a good long one")._replace(foreign=None),
    ("POST", "/account/sign-out-everywhere"): _DONE._replace(foreign=None),
    ("GET", "/account/second-factor"): _LIST,
    ("POST", "/account/second-factor"): Place(422, {"secret": "A" * 32, "code": "000000"}, foreign=None),
    ("POST", "/account/second-factor/off"): _DONE._replace(foreign=None),
    # What leads look at
    ("GET", f"{_CUSTOMER}/origins"): _PAGE,
    ("GET", "/insights"): _LIST._replace(least=LEAD),
    ("GET", "/queue"): _LIST._replace(least=LEAD),
    ("GET", "/queue/{one_id}/{other_id}"): Place(303, least=LEAD, values={"one_id": "{profile_id}"}),
    ("POST", "/queue/match"): _decided(version="0", other_version="0"),
    ("POST", "/queue/no-match"): _decided(),
    ("POST", "/queue/withdraw"): _decided()._replace(answers=409),
    ("POST", "/queue/bulk"): _decided(do="no-match")._replace(foreign_fields=303),  # and does nothing
    ("GET", "/merges"): _LIST,
    ("GET", "/merges/{merge_id}"): _PAGE,
    ("POST", "/merges/{merge_id}/undo"): _DONE._replace(least=LEAD),
    ("POST", "/merges/{merge_id}/undo-together"): _DONE._replace(least=LEAD, answers=404),
    ("GET", "/audit"): _LIST._replace(least=LEAD),
    ("GET", "/audit/verify"): _LIST._replace(least=LEAD),
    ("POST", "/audit/verify"): _LIST._replace(least=LEAD),
    ("GET", "/audit/{seq}"): _LIST._replace(least=LEAD, values={"seq": "1"}),
    # Runs: this one is a run of the settings
    ("GET", "/runs/{run_id}"): _OF_SETTINGS,
    ("POST", "/runs/{run_id}/stop"): _of()._replace(answers=409),  # it is stopped already
    ("POST", "/runs/{run_id}/resume"): _of(),
    # Settings
    ("GET", "/settings"): _SETTINGS,
    ("POST", "/settings"): _set(
        name="Acme",
        default_region="US",
        default_inbox_id="{general_id}",
        undo_days="30",
        silent_days="180",
        session_idle_minutes="480",
        shared_limit="20",
    )._replace(foreign_fields=422),
    ("GET", "/settings/agents"): _SETTINGS,
    ("POST", "/settings/agents"): _set(email="{serial}@kite.example", name="Nia", role="agent")._replace(answers=200),
    ("GET", "/settings/agents/{agent_id}"): _OF_SETTINGS,
    ("POST", "/settings/agents/{agent_id}"): _of(name="Ivo B", role="lead"),
    ("POST", "/settings/agents/{agent_id}/activity"): _of(active=""),
    ("POST", "/settings/agents/{agent_id}/sign-out"): _of(),
    ("POST", "/settings/agents/{agent_id}/second-factor/off"): _of(),
    ("POST", "/settings/agents/{agent_id}/link"): _of(purpose="link")._replace(answers=200),
    ("GET", "/settings/blocklist"): _SETTINGS,
    ("POST", "/settings/blocklist"): _set(kind="email", value="{serial}@kite.example"),
    ("POST", "/settings/blocklist/preview"): _SETTINGS._replace(
        fields={"kind": "email", "value": "{serial}@kite.example"}
    ),
    ("POST", "/settings/blocklist/remove"): _set(kind="email", value="{serial}@kite.example")._replace(answers=404),
    ("GET", "/settings/channels"): _SETTINGS,
    ("GET", "/settings/inboxes"): _SETTINGS,
    ("POST", "/settings/inboxes"): _set(name="New {serial}"),
    ("POST", "/settings/inboxes/{inbox_id}"): _of(name="Newer {serial}"),
    ("POST", "/settings/inboxes/{inbox_id}/agents"): _of(agent_id="{agent_id}")._replace(foreign_fields=404),
    ("POST", "/settings/inboxes/{inbox_id}/agents/{agent_id}/remove"): _of()._replace(
        values={"inbox_id": "{general_id}", "agent_id": "{member_id}"}
    ),
    ("GET", "/settings/keys"): _SETTINGS,
    ("POST", "/settings/keys"): _set(name="Shop", scope="contacts:write")._replace(answers=200),
    ("POST", "/settings/keys/{key_id}/revoke"): _of(),
    ("GET", "/settings/mail"): _SETTINGS,
    ("POST", "/settings/mail"): _set(change="add-own", address="{serial}@kite.example"),
    ("POST", "/settings/mail/preview"): _SETTINGS._replace(
        fields={"change": "add-own", "address": "{serial}@kite.example"}
    ),
    ("GET", "/settings/matching"): _SETTINGS,
    ("POST", "/settings/matching/mode"): _set(mode="listed"),
    ("POST", "/settings/matching/mobiles"): _set(on=""),
    ("POST", "/settings/matching/mobiles/preview"): _set(),
    ("POST", "/settings/matching/runs/{run_id}/{turn}"): _of()._replace(values={"turn": "resume"}),
    ("POST", "/settings/matching/visitors"): _set(visitor_sign_in="join"),
    ("POST", "/settings/matching/weights"): _set(feature="email", m="90", u="1"),
    ("POST", "/settings/matching/weights/defaults"): _set(),
    ("GET", "/settings/merging"): _SETTINGS,
    ("POST", "/settings/merging"): _set(preset="by-rule"),
    ("GET", "/settings/webhooks"): _SETTINGS,
    ("POST", "/settings/webhooks"): _set(url="https://127.0.0.1/{serial}")._replace(answers=200),
    ("GET", "/settings/webhooks/{webhook_id}"): _OF_SETTINGS,
    ("POST", "/settings/webhooks/{webhook_id}"): _of(url="https://127.0.0.1/{serial}"),
    ("POST", "/settings/webhooks/{webhook_id}/state"): _of(enabled=""),
    ("POST", "/settings/webhooks/{webhook_id}/rotate"): _of()._replace(answers=200),
    ("POST", "/settings/webhooks/{webhook_id}/remove"): _of(),
    ("POST", "/settings/webhooks/{webhook_id}/deliveries/{delivery_id}/replay"): _of()._replace(
        values={"delivery_id": "1"}, answers=404
    ),
    ("POST", "/settings/webhooks/{webhook_id}/replay"): _of(since="day"),
    # What happens, told to pages
    ("GET", "/events"): Place(200, foreign=None, page=False),
}
