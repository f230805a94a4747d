"""Every kind of entry the audit log can have, made by the services that make it and read by who may (MRG-14)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypeVar

import pyotp

from onefold.accounts import passkeys, signing_in
from onefold.accounts import service as accounts
from onefold.accounts.passkeys import Site
from onefold.accounts.signing_in import Identity
from onefold.accounts.store import read_agent
from onefold.audit import service as audit
from onefold.audit.service import ACTIONS, Action, Entry
from onefold.console import labels
from onefold.conversations import service as conversations
from onefold.core.actor import Actor
from onefold.core.clock import new_id, utc_now
from onefold.database import tables
from onefold.database.engine import UnitOfWork
from onefold.merging import bulk as many_merges
from onefold.merging import detach as detaching
from onefold.merging import move_conversation as moving
from onefold.merging import new_owner
from onefold.merging import undo as undoing
from onefold.privacy import erasure as erasing
from onefold.privacy import export as exporting
from onefold.profiles import parts, store
from onefold.profiles.service import PointInput
from onefold.receiving import set_aside
from onefold.receiving.contact import Attachment, Machine
from onefold.runs import service as runs
from onefold.runs import store as run_store
from onefold.settings import blocklist
from onefold.settings import service as settings
from onefold.settings.service import SettingsChanges
from onefold.suggestions import service as suggestions
from onefold.webhooks import service as webhooks
from onefold.webhooks import store as deliveries
from tests.api.conftest import Api, problem
from tests.console.conftest import Console, Html
from tests.dsl import words
from tests.dsl.authenticator import Authenticator

T = TypeVar("T")
SITE = Site("desk.example", "https://desk.example")
ORIGIN = "console 192.0.2.7"
PROVIDER = Identity("https://accounts.example", "10769150350006150715113082367")
GRACE = "grace@kite.example"


class Told(NamedTuple):
    """What a page says of an entry: the sentence behind who did it, and the lines of its own beside When and From."""

    sentence: str
    lines: dict[str, str]


KINDS: dict[Action, Told] = {
    "profile.merged": Told(
        "merged a customer into Grace",
        {"Evidence": "Phone", "Merge": "See the merge", "Name": "as the one that stayed had it"},
    ),
    "profile.unmerged": Told(
        "undid the merge of Ada into Grace",
        {"Merge": "See the merge", "Restored": "1 customer", "Deleted since": "1 detail"},
    ),
    "profile.detached": Told(
        f"detached a contact point of Grace into {GRACE}",
        {"Contact point": GRACE, "Conversations moved": "1", "Conversations split": "0"},
    ),
    "profile.erased": Told("erased a customer and all their data", {"Erased": "1 profile, 1 contact point"}),
    "conversation.moved": Told("moved a conversation from Fay to Eli", {}),
    "number.given": Told("gave a number of Gus to Zoe", {}),
    "contact.filed": Told("filed a message that was nobody’s with Fay", {}),
    "contact.removed": Told("removed a message that was nobody’s", {}),
    "suggestion.dismissed": Told("marked Bo and Cy as “No Match”", {"Evidence": "Phone"}),
    "suggestion.reopened": Told("withdrew “No Match” for Bo and Cy", {}),
    "merges.started": Told("started a bulk merge of 1 pair of customers", {"Bulk merge": "See its progress"}),
    "key.made": Told("created the API key Shop", {"May": "contacts:write, profiles:read", "Expires": "2031-05-07"}),
    "key.revoked": Told("revoked the API key Shop", {}),
    "profile.exported": Told("exported everything kept of Fay", {"Timeline entries": "1"}),
    "file.downloaded": Told("downloaded a file of Hal", {}),
    "session.begun": Told("signed in by a one-time link", {}),
    "session.refused": Told("refused a sign-in by password as Ivo", {}),
    "session.ended": Told("signed out", {}),
    "organization.added": Told("set up Kite & Co", {}),
    "agent.added": Told("added Ivo", {"Agent": "Ivo"}),
    "agent.changed": Told("changed Ivo", {"Agent": "Ivo", "Role": "lead", "Active": "Yes"}),
    "agent.password_set": Told("set the password of Ivo", {"Agent": "Ivo"}),
    "inbox.added": Told("added the inbox VIP", {}),
    "inbox.renamed": Told("renamed an inbox to VIPs", {}),
    "inbox.agent_assigned": Told("assigned Ivo to an inbox", {"Agent": "Ivo"}),
    "inbox.agent_removed": Told("took Ivo off an inbox", {"Agent": "Ivo"}),
    "settings.changed": Told(
        "changed the settings",
        {
            "Days to undo a merge": "from 30 to 60",
            "Mobile Phone Number Identification": "from off to on",
            "Merge rules": "1 change",
            "Your own addresses": "changed",
        },
    ),
    "blocklist.added": Told("blocked an email", {"Value": "*@relay.example", "Customers it no longer opens": "0"}),
    "blocklist.removed": Told("unblocked an email", {"Value": "*@relay.example"}),
    "run.stopped": Told("stopped a run", {}),
    "run.resumed": Told("resumed a run", {}),
    "webhook.added": Told("added a webhook to 127.0.0.1", {}),
    "webhook.changed": Told("changed a webhook", {"State": "disabled", "Events": "profile.merged"}),
    "webhook.secret_made": Told("made a new secret for a webhook", {}),
    "webhook.removed": Told("removed the webhook to 127.0.0.1", {}),
    "webhook.repeated": Told("sent 1 webhook delivery again", {}),
    "agent.invited": Told("invited Ivo", {"Agent": "Ivo", "Valid for": "7 days"}),
    "agent.link_made": Told("created a sign-in link for Ivo", {"Agent": "Ivo", "Valid for": "1 hour"}),
    "agent.second_factor_on": Told("turned the second factor of Ivo on", {"Agent": "Ivo"}),
    "agent.second_factor_off": Told("turned the second factor of Ivo off", {"Agent": "Ivo"}),
    "agent.provider_linked": Told("linked Ivo to an account at the sign-in provider", {"Agent": "Ivo"}),
    "agent.provider_unlinked": Told("unlinked Ivo from the account at the sign-in provider", {"Agent": "Ivo"}),
    "agent.passkey_added": Told("added a passkey of Ivo", {"Agent": "Ivo", "Passkey": "Work laptop"}),
    "agent.passkey_removed": Told("removed a passkey of Ivo", {"Agent": "Ivo"}),
    "agent.signed_out_everywhere": Told("signed Ivo out everywhere", {"Agent": "Ivo"}),
}
"""What a lead reads of each action. An action that is missing here fails the walk."""


def do_everything(console: Console) -> dict[str, Entry]:
    """Everything the audit log keeps, each thing once, by the lead; the entries by their actions."""
    base, actor = console.base, Actor(console.lead.agent_id, None, ORIGIN)

    def do(work: Callable[[UnitOfWork], object], *, exclusive: bool = False) -> None:
        words.do(base, work, exclusive=exclusive)

    shared = PointInput("phone", "+442079460001", phone_type="home")
    grace = console.contact("email", email=GRACE, name="Grace")
    words.list_point(base, grace, shared)
    ada = console.customer("Ada", shared)
    words.add_detail(base, ada, "Likes", "kites")
    merge = words.merge(base, ada, grace, actor=actor)
    [detail] = words.show(base, grace).details
    do(lambda unit: parts.remove_part(unit, store.DETAILS, grace, detail["id"], None))
    do(lambda unit: undoing.undo(unit, merge.id, None, actor))
    mail = words.point_of(base, grace, GRACE).contact_point_id
    do(lambda unit: detaching.detach(unit, grace, mail, None, actor, None))
    other = PointInput("phone", "+442079460002", phone_type="home")
    bo, cy = (console.customer(name, other) for name in ("Bo", "Cy"))
    do(lambda unit: suggestions.no_match(unit, bo, cy, actor))
    do(lambda unit: suggestions.withdraw(unit, bo, cy, actor))
    do(lambda unit: many_merges.begin(unit, [(cy, bo)], actor, state="stopped"))
    eve = console.customer("Eve", PointInput("email", "eve@kite.example"))
    do(lambda unit: erasing.erase(unit, eve, eve, actor), exclusive=True)
    fay = console.customer("Fay", PointInput("email", "fay@kite.example"))
    notices = [
        words.receive(base, "email", email="mailer-daemon@mx.example", machine=Machine("bounce")).item_id for _ in "12"
    ]
    do(lambda unit: set_aside.file(unit, notices[0], fay, actor))
    do(lambda unit: set_aside.remove(unit, notices[1], actor))
    eli = console.customer("Eli", PointInput("email", "eli@kite.example"))
    (talk,) = words.rows(base, f"SELECT id FROM conversations WHERE profile_id = '{fay}'")
    do(lambda unit: moving.move_conversation(unit, str(talk.id), eli, actor))
    for name, days_ago in (("Gus", 200), ("Zoe", 0)):
        at = utc_now() - timedelta(days=days_ago)
        gus = words.receive(base, "whatsapp", phone="+447911123459", name=name, occurred_at=at).profile_id
    owner = words.do(base, lambda unit: new_owner.find(unit, gus))
    assert owner is not None
    do(lambda unit: new_owner.give(unit, gus, owner.contact_point_id, None, actor))
    ivo = words.do(base, lambda unit: accounts.add_agent(unit, "ivo@kite.example", "Ivo", "agent", actor)).id
    secret = pyotp.random_base32()
    do(lambda unit: signing_in.make_link(unit, ivo, "invitation", timedelta(days=7), actor))
    do(lambda unit: signing_in.make_link(unit, ivo, "link", timedelta(hours=1), actor))
    do(lambda unit: signing_in.turn_on_second_factor(unit, ivo, secret, pyotp.TOTP(secret).now(), actor))
    do(lambda unit: signing_in.turn_off_second_factor(unit, ivo, actor))
    do(lambda unit: signing_in.link_provider(unit, ivo, PROVIDER, actor))
    do(lambda unit: signing_in.unlink_provider(unit, ivo, actor))
    ceremony = words.do(base, lambda unit: passkeys.ask_to_make(unit, read_agent(unit, ivo), SITE))
    made = {"name": "Work laptop", "site": SITE, "challenge": ceremony.asked.challenge, "actor": actor}
    credential = Authenticator().make(ceremony.options, SITE.origin)
    passkey_id = words.do(base, lambda unit: passkeys.add(unit, ivo, credential, **made)).id
    do(lambda unit: passkeys.remove(unit, ivo, passkey_id, actor))
    do(lambda unit: signing_in.sign_out_everywhere(unit, ivo, None, actor))
    last_day = datetime(2031, 5, 7, tzinfo=UTC)
    scopes = ["profiles:read", "contacts:write"]
    key, _ = words.do(base, lambda unit: accounts.create_key(unit, "Shop", scopes, actor, expires_at=last_day))
    do(lambda unit: accounts.revoke_key(unit, key.id, actor))
    _administer(console, actor, ivo)
    _take_out(console, actor, fay)
    with console.database.read(console.organization_id) as unit:
        entries = audit.page(unit, limit=200)
    return {entry.action: entry for entry in entries if entry.actor.origin == ORIGIN}


def _administer(console: Console, actor: Actor, ivo: str) -> None:
    base = console.base

    def do(work: Callable[[UnitOfWork], T], *, exclusive: bool = False) -> T:
        return words.do(base, work, exclusive=exclusive)

    do(lambda unit: audit.record(unit, actor, "organization.added", details={"name": "Kite & Co"}))
    do(lambda unit: accounts.change_agent(unit, ivo, {"active": False}, words.COMMAND))
    do(lambda unit: accounts.change_agent(unit, ivo, {"role": "lead", "active": True}, actor))
    do(lambda unit: accounts.set_password(unit, ivo, "a long enough one", actor))
    inbox_id, _ = do(lambda unit: accounts.add_inbox(unit, "VIP", actor), exclusive=True)
    do(lambda unit: accounts.rename_inbox(unit, inbox_id, "VIPs", actor))
    do(lambda unit: accounts.assign_to_inbox(unit, inbox_id, ivo, actor))
    do(lambda unit: accounts.remove_from_inbox(unit, inbox_id, ivo, actor))
    changes: SettingsChanges = {
        "undo_days": 60,
        "mobile_identification": True,
        "merge_policies": {"customer_id": "choose"},
        "own_addresses": ["help@shop.example"],
    }
    do(lambda unit: settings.change(unit, changes, actor), exclusive=True)
    do(lambda unit: blocklist.block(unit, "email", "*@relay.example", actor), exclusive=True)
    do(lambda unit: blocklist.unblock(unit, "email", "*@relay.example", actor), exclusive=True)
    do(lambda unit: _stop_and_resume_a_run(unit, actor))
    made = do(lambda unit: webhooks.create(unit, "https://127.0.0.1/hooks?token=secret", actor), exclusive=True)
    changed = {"state": "disabled", "event_types": ["profile.merged"]}
    do(lambda unit: webhooks.change(unit, made.id, changed, actor))
    do(lambda unit: webhooks.rotate(unit, made.id, actor))
    seq = do(deliveries.newest_seq)
    failed = {"event_seq": seq, "event_id": new_id(), "profile_id": new_id(), "created_at": utc_now()}
    of_made = {"organization_id": console.organization_id, "endpoint_id": made.id, "state": "failed"}
    do(lambda unit: unit.execute(tables.webhook_deliveries.insert().values({**failed, **of_made})))
    do(lambda unit: webhooks.repeat(unit, made.id, str(seq), actor))
    do(lambda unit: webhooks.remove(unit, made.id, actor), exclusive=True)
    database, organization_id = console.database, console.organization_id
    signing_in.note_refusal(database, organization_id, ivo, "password", ORIGIN)
    lena = str(actor.agent_id)
    token = do(lambda unit: signing_in.make_link(unit, lena, "link", timedelta(hours=1), words.COMMAND))
    do(lambda unit: signing_in.use_link(unit, token, ORIGIN))
    do(lambda unit: signing_in.sign_out(unit, signing_in.begin_again(unit, lena, ORIGIN).token, actor))


def _stop_and_resume_a_run(unit: UnitOfWork, actor: Actor) -> None:
    """In one unit: a run of so few may have ended by itself before."""
    run = run_store.list_runs(unit)[0]
    run_store.change_run(unit, run.id, utc_now(), state="running")
    runs.stop(unit, run.id, actor)
    runs.resume(unit, run.id, actor)


def _take_out(console: Console, actor: Actor, fay: str) -> None:
    base = console.base
    words.do(base, lambda unit: exporting.note_export(unit, exporting.subject(unit, fay), actor))
    file = Attachment("a.txt", "text/plain", b"x")
    hal = words.receive(base, "email", email="hal@kite.example", name="Hal", attachments=(file,))
    talk, item_id = hal.conversation_id, hal.item_id
    words.do(base, lambda unit: conversations.download(unit, talk, int(item_id), 0, actor))


def who(entry: Entry) -> str:
    """Who has done it: the lead, but that nobody has when somebody was not let in."""
    return "Lena" if entry.actor.agent_id else "Onefold"


def test_every_action_there_is_has_a_walk_and_words__MRG_14(console: Console) -> None:
    """Whoever adds an action adds it here, and says it in plain words."""
    assert set(KINDS) == set(labels.ACTIONS) == set(ACTIONS)
    assert set(do_everything(console)) == set(ACTIONS)


def test_every_kind_of_entry_has_a_page__MRG_14(console: Console) -> None:
    """The list and each entry's own page: who, when, from where and what, in words."""
    entries = do_everything(console)
    for seat in (console.lead, console.admin):
        rows = {row.text.split()[0]: row.text for row in seat.page("/audit").all("tr")[1:]}
        for action, entry in entries.items():
            assert f"{who(entry)} {KINDS[action].sentence} {ORIGIN} " in rows[str(entry.seq)], action
            _check_page(seat.page(f"/audit/{entry.seq}"), entry)
            assert str(entry.seq) in _numbers(seat.page("/audit", action=action)), action
    for entry in entries.values():
        console.agent.page(f"/audit/{entry.seq}", 403)


def _check_page(page: Html, entry: Entry) -> None:
    expected = KINDS[entry.action]
    assert page.one("h1").text == f"Entry {entry.seq}: {labels.ACTIONS[entry.action]}"
    assert f"{who(entry)} {expected.sentence}." in page.text
    section = Html(page.source.partition('<dl class="h-facts">')[2].partition("</dl>")[0])
    names, values = (section.all(tag) for tag in ("dt", "dd"))
    lines = {name.text: value.text for name, value in zip(names, values, strict=True)}
    assert lines["From"] == ORIGIN
    assert lines["When"]
    assert expected.lines.items() <= lines.items(), (entry.action, lines)
    rest = set(lines) - set(expected.lines) - {"When", "From", "Customer", "Other customer", "Hash"}
    assert not rest, f"nobody has looked at {rest} of {entry.action}"
    assert not re.search(r"\b[a-z]+_[a-z]+\b", " ".join(lines)), "a name of the code's on a page"


def _numbers(page: Html) -> list[str]:
    return [row.text.split()[0] for row in page.all("tr")[1:]]


def test_every_kind_of_entry_is_read_by_api__MRG_14(console: Console) -> None:
    entries = do_everything(console)
    for token in (console.key(), console.lead.token, console.admin.token):
        with Api(console.served, console.organization_id, token) as api:
            listed = {entry["seq"]: entry for entry in api.read("/v1/audit", limit=200)["data"]}
            for action, entry in entries.items():
                one = api.read(f"/v1/audit/{entry.seq}")
                assert (one["action"], one["agent_id"], one["origin"]) == (action, entry.actor.agent_id, ORIGIN)
                assert one["details"] == entry.details
                assert listed[entry.seq].items() <= one.items()
    with Api(console.served, console.organization_id, console.agent.token) as api:
        problem(api.get(f"/v1/audit/{entry.seq}"), 403, "scope_missing")


def test_an_entry_that_an_erasure_emptied_still_has_its_page__MRG_14(console: Console) -> None:
    """Every kind: what was kept of the customers is gone, what was done is still said."""
    entries = do_everything(console)
    ids = sorted({one for entry in entries.values() for one in (entry.profile_id, entry.other_id) if one})
    words.do(console.base, lambda unit: audit.erase_records(unit, ids))
    for entry in entries.values():
        page = console.lead.page(f"/audit/{entry.seq}")
        assert KINDS[entry.action].sentence in page.text
