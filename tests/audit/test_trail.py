"""What an intruder does first leaves a trace: every route and every command that writes is walked (MRG-14).

Each either leaves an entry of the audit log, or is named here with where else it shows. Whoever adds one adds it here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import pyotp
import pytest
import typer

from onefold.accounts import service as accounts
from onefold.accounts import signing_in
from onefold.audit import service as audit
from onefold.cli.app import app as commands
from onefold.core.clock import utc_now
from onefold.database.engine import Database, UnitOfWork
from onefold.database.transactions import run_in_transaction
from onefold.profiles import service as profiles
from tests.api.conftest import Api
from tests.api.test_auth import OPERATIONS, named
from tests.cli.test_agent import typed
from tests.cli.test_cli import Shell
from tests.console.cast import cast, settings_cast
from tests.console.conftest import Console
from tests.console.places import PLACES
from tests.console.test_matrix import CHANGES, ask, on_sqlite
from tests.dsl import words

T = TypeVar("T")


def newest(database: Database, organization_id: int) -> int:
    """The number of the newest entry."""
    with database.read(organization_id) as unit:
        entries = audit.page(unit, limit=1)
    return entries[0].seq if entries else 0


# The console ----------------------------------------------------------------------------------------------------------

_CUSTOMER = "/customers/{profile_id}"
WRITTEN = {  # what agents write of a customer: it stands on the card and the timeline, with who wrote it
    "/customers/new",
    f"{_CUSTOMER}/fields",
    f"{_CUSTOMER}/attributes",
    f"{_CUSTOMER}/points",
    f"{_CUSTOMER}/points/{{point_id}}",
    f"{_CUSTOMER}/points/{{point_id}}/confirm",
    f"{_CUSTOMER}/points/{{point_id}}/remove",
    f"{_CUSTOMER}/own-line",
    f"{_CUSTOMER}/details",
    f"{_CUSTOMER}/addresses",
    f"{_CUSTOMER}/{{kind}}/{{part_id}}/change",
    f"{_CUSTOMER}/relationships",
    f"{_CUSTOMER}/relationships/{{relationship_id}}/remove",
    f"{_CUSTOMER}/write",
    "/drafts/{draft_id}/delete",
    "/conversations/{conversation_id}/change",
    "/inboxes/{inbox_id}/change",
    f"{_CUSTOMER}/here",
}
CHANGES_NOTHING = {"/audit/verify", "/settings/blocklist/preview", "/settings/mail/preview"}
COUNTS_ONLY = {"/account/passkeys/new", "/sign-in/passkey/begin", "/settings/matching/mobiles/preview"}
LOOKED_AT_FIRST = {f"{_CUSTOMER}/match", "/queue/match"}  # without what was seen they lead to the merge's own page
NOT_FROM_HERE = {  # needs what this walk has not got; `tests/console/test_audit_kinds.py` has each of these deeds
    f"{_CUSTOMER}/matches/{{other_id}}/withdraw",
    f"{_CUSTOMER}/new-owner",
    "/queue/withdraw",
    "/merges/{merge_id}/undo-together",
    "/account/passkeys",
    "/account/passkeys/{passkey_id}/remove",
    "/account/provider/link",
    "/account/provider/unlink",
    "/account/second-factor",
    "/account/second-factor/off",
    "/settings/agents/{agent_id}/second-factor/off",
    "/settings/blocklist/remove",
    "/settings/webhooks/{webhook_id}/deliveries/{delivery_id}/replay",
    "/settings/webhooks/{webhook_id}/replay",
    "/runs/{run_id}/stop",
    "/settings/matching/runs/{run_id}/{turn}",
}
NOBODY_COUNTS = {  # made-up tokens are no guesses: each is 256 random bits, and no try is counted or written
    "/sign-in/code",
    "/sign-in/passkey",
    "/sign-in/link",
    "/invitation",
}
WITHOUT = WRITTEN | CHANGES_NOTHING | COUNTS_ONLY | LOOKED_AT_FIRST | NOT_FROM_HERE | NOBODY_COUNTS
OTHERWISE: dict[str, dict[str, str]] = {  # other than what is set already
    "/settings": {"undo_days": "31"},
    "/settings/matching/mode": {"mode": "contacted"},
    "/settings/matching/mobiles": {"on": "1"},
    "/settings/matching/weights": {"m": "80"},
    "/settings/merging": {"preset": "ask"},
    "/settings/webhooks/{webhook_id}/state": {"enabled": "1"},
    "/sign-in": {"email": "mara@kite.example"},
}
ENDS = (
    "/settings/agents/{agent_id}/activity",
    "/settings/webhooks/{webhook_id}/remove",
)
LAST = ("/account/password", "/sign-out", "/account/sign-out-everywhere")


@on_sqlite
def test_every_change_in_the_console_leaves_an_entry_or_is_named__MRG_14(console: Console) -> None:
    assert {path for _, path in CHANGES} >= WITHOUT
    seat, silent = console.admin, []
    of_settings = {route[1] for route in CHANGES if route[1].startswith(("/settings", "/runs"))}
    walk = [route for route in CHANGES if route[1] not in WITHOUT]
    settings_ids = settings_cast(console)
    for route in sorted(
        walk, key=lambda route: (route[1] in LAST, route[1] in ENDS, route[1] in of_settings, route[1])
    ):
        ids = settings_ids if route[1] in {*of_settings, *LAST} else cast(console, str(seat.agent_id))
        place = PLACES[route]
        fields = {**place.fields, **OTHERWISE.get(route[1], {})}
        PLACES[route] = place._replace(fields=fields)
        before = newest(console.database, console.organization_id)
        try:
            answer = ask(seat, route, ids, ids)
        finally:
            PLACES[route] = place
        assert answer.status_code < 500, route
        if newest(console.database, console.organization_id) == before:
            silent.append((route[1], answer.status_code))
        if route[1] in LAST:
            seat = console.seat("Ada", "admin")
    assert not silent, silent


@on_sqlite
@pytest.mark.parametrize("way", ["console", "api"])
def test_whatever_is_taken_out_leaves_an_entry__MRG_14(console: Console, way: str) -> None:
    ids = cast(console, str(console.agent.agent_id))
    before = newest(console.database, console.organization_id)
    if way == "console":
        assert console.agent.get("/files/{conversation_id}/{item_id}/1".format(**ids)).status_code == 200
        expected = ["file.downloaded"]
    else:
        with Api(console.served, console.organization_id, console.key()) as api:
            path = "/v1/conversations/{conversation_id}/items/{item_id}/attachments/1"
            assert api.get(path.format(**ids)).status_code == 200
            assert api.get(f"/v1/profiles/{ids['profile_id']}/export").status_code == 200
        expected = ["profile.exported", "file.downloaded"]
    with console.database.read(console.organization_id) as unit:
        made = [entry for entry in audit.page(unit) if entry.seq > before]
    assert [entry.action for entry in made if entry.action != "key.made"] == expected
    assert {entry.profile_id for entry in made if entry.action in expected} == {ids["profile_id"]}


# The API --------------------------------------------------------------------------------------------------------------

_PROFILE = "/v1/profiles/{profile_id}"
OF_CUSTOMERS = {  # what is written of a customer: it stands on the card and the timeline, with who wrote it
    "POST /v1/profiles",
    f"PATCH {_PROFILE}",
    f"POST {_PROFILE}/contact-points",
    f"PATCH {_PROFILE}/contact-points/{{point_id}}",
    f"DELETE {_PROFILE}/contact-points/{{point_id}}",
    f"POST {_PROFILE}/contact-points/{{point_id}}/confirm",
    f"POST {_PROFILE}/details",
    f"PATCH {_PROFILE}/details/{{detail_id}}",
    f"DELETE {_PROFILE}/details/{{detail_id}}",
    f"POST {_PROFILE}/addresses",
    f"PATCH {_PROFILE}/addresses/{{address_id}}",
    f"DELETE {_PROFILE}/addresses/{{address_id}}",
    f"POST {_PROFILE}/relationships",
    f"DELETE {_PROFILE}/relationships/{{relationship_id}}",
    f"POST {_PROFILE}/items",
    "PATCH /v1/conversations/{conversation_id}",
    f"POST {_PROFILE}/drafts",
    "PUT /v1/drafts/{draft_id}",
    "DELETE /v1/drafts/{draft_id}",
    "POST /v1/drafts/{draft_id}/send",
    "POST /v1/channels/email",
    "POST /v1/channels/twilio",
    "POST /v1/channels/meta",
    "POST /v1/contacts",
    "POST /v1/contacts/batch",
}
LOOKS_ONLY = {
    "POST /v1/merges/preview",
    "POST /v1/merges/together/preview",
    "POST /v1/settings/whose-mail/preview",
    "POST /v1/settings/mobile-identification/preview",
    "POST /v1/blocklist/preview",
}
SERVICES_HAVE = {  # needs what this walk has not got; `tests/console/test_audit_kinds.py` has each of these deeds
    f"POST {_PROFILE}/contact-points/{{point_id}}/new-owner",
    "POST /v1/webhooks/{webhook_id}/deliveries/{delivery_id}/replay",
    "POST /v1/webhooks/{webhook_id}/replay",
    "POST /v1/merges/together/{together_id}/undo",
    "POST /v1/runs/{run_id}/stop",  # which may end before it is stopped
}
Body = dict[str, Any] | None
DEEDS: dict[str, Body] = {
    "POST /v1/set-aside/{set_aside_id}/file": {"profile_id": "{profile_id}"},
    "DELETE /v1/set-aside/{set_aside_id}": None,
    f"POST {_PROFILE}/erase": {"confirm": "{profile_id}"},
    f"POST {_PROFILE}/match": {"profile_id": "{caller_id}"},
    f"POST {_PROFILE}/no-match": {"profile_id": "{other_id}"},
    f"POST {_PROFILE}/no-match/withdraw": {"profile_id": "{other_id}"},
    "POST /v1/merges": {"source_id": "{other_id}", "destination_id": "{profile_id}"},
    "POST /v1/merges/{merge_id}/undo": {},
    "POST /v1/merges/together": {"source_ids": ["{other_id}", "{caller_id}"], "destination_id": "{profile_id}"},
    "POST /v1/merges/many": {"pairs": [{"source_id": "{other_id}", "destination_id": "{profile_id}"}]},
    "POST /v1/conversations/{conversation_id}/move": {"profile_id": "{other_id}"},
    f"POST {_PROFILE}/contact-points/{{point_id}}/detach": {},
    "PATCH /v1/settings": {"undo_days": 31},
    "POST /v1/runs/{run_id}/resume": None,
    "POST /v1/blocklist": {"kind": "email", "value": "*@{serial}.example"},
    "POST /v1/blocklist/remove": {"kind": "email", "value": "noreply@*"},
    "POST /v1/inboxes": {"name": "New {serial}"},
    "PATCH /v1/inboxes/{inbox_id}": {"name": "Newer {serial}"},
    "PUT /v1/inboxes/{inbox_id}/agents/{agent_id}": None,
    "DELETE /v1/inboxes/{inbox_id}/agents/{agent_id}": None,
    "POST /v1/agents": {"email": "{serial}@kite.example", "name": "Nia", "role": "agent"},
    "PATCH /v1/agents/{agent_id}": {"role": "lead"},
    "POST /v1/keys": {"name": "Shop", "scopes": ["profiles:read"]},
    "DELETE /v1/keys/{key_id}": None,
    "POST /v1/webhooks": {"url": "https://127.0.0.1/{serial}"},
    "PATCH /v1/webhooks/{webhook_id}": {"state": "enabled"},
    "DELETE /v1/webhooks/{webhook_id}": None,
    "POST /v1/webhooks/{webhook_id}/rotate": {},
}
WRITES = {named(operation) for operation in OPERATIONS if operation[0] != "GET"}


def filled(value: Any, ids: dict[str, str]) -> Any:
    """A body with the ids it names."""
    if isinstance(value, str):
        return value.format(**ids)
    if isinstance(value, list):
        return [filled(one, ids) for one in value]
    return {key: filled(one, ids) for key, one in value.items()} if isinstance(value, dict) else value


def test_every_operation_that_writes_is_walked_or_named__MRG_14() -> None:
    assert DEEDS.keys() | OF_CUSTOMERS | LOOKS_ONLY | SERVICES_HAVE == WRITES


@on_sqlite
@pytest.mark.parametrize("deed", DEEDS)
def test_a_write_by_the_api_leaves_an_entry__MRG_14(console: Console, deed: str) -> None:
    ids = {**settings_cast(console), **cast(console, str(console.agent.agent_id))}
    method, _, template = deed.partition(" ")
    with Api(console.served, console.organization_id, console.key()) as api:
        if deed.endswith("/withdraw"):
            api.post(filled(f"{_PROFILE}/no-match", ids), json=filled({"profile_id": "{other_id}"}, ids))
        before = newest(console.database, console.organization_id)
        answer = api.request(method, filled(template, ids), json=filled(DEEDS[deed], ids))
        assert answer.status_code < 300, answer.text
    with console.database.read(console.organization_id) as unit:
        entries = [entry for entry in audit.page(unit) if entry.seq > before]
    assert entries
    assert {entry.actor.origin.split()[0] for entry in entries} == {"api"}
    assert all(entry.actor.key_id for entry in entries)


# The command line -----------------------------------------------------------------------------------------------------

NO_ENTRY = {  # what they bring stands on timelines; the others change nothing of an organization
    "ingest",
    "serve",
    "demo",
    "db upgrade",
    "audit verify",
    "profile show",
    "backup",  # of all organizations; the file's owner is the service's
    "restore",
    "doctor",
}
COMMANDS: dict[str, tuple[str, ...]] = {
    "key create": ("Shop", "--scope", "profiles:read"),
    "agent add": ("iris@kite.example", "Iris"),
    "agent password": ("mara@kite.example",),
    "agent link": ("mara@kite.example",),
    "agent second-factor": ("mara@kite.example", "--off"),
    "profile export": ("{one}",),
    "merge": ("{other}", "{one}", "--yes"),
    "profile erase": ("{one}", "--yes"),
    "organization add": ("Second",),
}


def command_names(app: typer.Typer, prefix: str = "") -> set[str]:
    """Every command, as it is typed."""
    names = {
        prefix + (info.name or info.callback.__name__.replace("_", "-"))
        for info in app.registered_commands
        if info.callback
    }
    for group in app.registered_groups:
        if group.typer_instance is not None:
            names |= command_names(group.typer_instance, f"{prefix}{group.name} ")
    return names


def test_every_command_is_walked_or_named__MRG_14() -> None:
    assert command_names(commands) == COMMANDS.keys() | NO_ENTRY


def test_a_command_that_writes_leaves_an_entry__MRG_14(shell: Shell) -> None:
    database = Database(shell.url)

    def do(work: Callable[[UnitOfWork], T]) -> T:
        return run_in_transaction(database, 1, work)

    mara = do(lambda unit: accounts.add_agent(unit, "mara@kite.example", "Mara", "lead", words.COMMAND)).id
    secret = pyotp.random_base32()
    code = pyotp.TOTP(secret).at(utc_now())
    do(lambda unit: signing_in.turn_on_second_factor(unit, mara, secret, code, words.COMMAND))
    one, other = (do(lambda unit: profiles.create(unit, name="Ada").id) for _ in "12")
    for command, given in COMMANDS.items():
        organization_id = 2 if command == "organization add" else 1
        before = newest(database, 1) if organization_id == 1 else 0
        arguments = [word.format(one=one, other=other) for word in given]
        done = typed(shell.folder, shell.url, "a new long password\n", *command.split(), *arguments)
        assert done.returncode == 0, done.stderr
        with database.read(organization_id) as unit:
            made = [entry for entry in audit.page(unit) if entry.seq > before]
        assert [entry.actor for entry in made] == [words.COMMAND] * len(made), command
        assert made, command
    database.dispose()
