"""Who and what an address of the console may name: customers with everything on them, for tests of every route."""

from __future__ import annotations

from onefold.accounts import passkey_store, sessions, signing_in
from onefold.accounts import service as accounts
from onefold.accounts import store as store_accounts
from onefold.accounts.passkey_store import PasskeyRow
from onefold.contact_points import store as contact_points
from onefold.conversations import drafts
from onefold.conversations import service as conversations
from onefold.conversations import store as conversation_store
from onefold.conversations.drafts import Composed
from onefold.core.clock import new_id, utc_now
from onefold.database.engine import UnitOfWork
from onefold.profiles import parts, store
from onefold.profiles import service as profiles
from onefold.profiles.service import PointInput
from onefold.receiving.contact import Attachment, Machine
from onefold.runs import service as runs
from onefold.settings import mobile_identification
from onefold.webhooks import service as webhooks
from tests.api.conftest import fresh
from tests.console.conftest import Console
from tests.dsl import words

Cast = dict[str, str]
"""Ids by the names that the addresses of routes give them."""


def cast(console: Console, author_id: str) -> Cast:
    """Customers of their own with everything on them that an address may name; the draft is the author's."""
    base, word = console.base, fresh("cast")
    line = f"+12127{int(word.rpartition('-')[2]):06}"
    files = (
        Attachment("body.html", "text/html", b"<p>Hello</p>"),
        Attachment("map.png", "image/png", b"png"),
    )
    caller_id = console.contact("voice", phone=line)
    email = f"{word}@kite.example"
    profile_id = console.contact("email", email=email, name="Ada Kite", subject="Hi", body="Hello", attachments=files)
    other_id = console.customer("Ada Kite", PointInput("phone", line, phone_type="home"))

    def more(unit: UnitOfWork) -> Cast:
        detail_id = parts.add_part(unit, store.DETAILS, profile_id, {"key": "Likes", "value": "kites"}, None)
        address_id = parts.add_part(unit, store.ADDRESSES, profile_id, {"street": "1 Main St"}, None)
        relationship_id = parts.relate(unit, profile_id, other_id, "sibling", None)
        _, further_id = profiles.add_point(unit, profile_id, PointInput("email", f"b-{email}"), None)
        conversation = conversation_store.open_conversation_of(unit, profile_id)
        draft = drafts.create(unit, profile_id, author_id, Composed("note", "begun"))
        assert conversation is not None
        item = conversations.items(unit, conversation.id, None, 10)[-1]
        (called_from,) = contact_points.points_of(unit, [caller_id])[caller_id]
        signing_in.begin_again(unit, author_id, "console 192.0.2.2")
        session = sessions.of_agent(unit, author_id)[0]
        passkey = PasskeyRow(new_id(), author_id, new_id(), b"key", 0, "Laptop", utc_now(), None)
        passkey_store.add(unit, passkey)
        return {
            "detail_id": detail_id,
            "address_id": address_id,
            "relationship_id": relationship_id,
            "point_id": further_id,
            "conversation_id": conversation.id,
            "draft_id": draft.id,
            "item_id": str(item.seq),
            "line_id": called_from.contact_point_id,
            "session_id": session.id,
            "passkey_id": passkey.id,
        }

    merged_id = console.customer("Ada Kite Sr")
    merge = words.merge(base, merged_id, other_id)
    notice = words.receive(base, "email", email="mailer-daemon@mx.example", machine=Machine("bounce"))
    return {
        "profile_id": profile_id,
        "other_id": other_id,
        "source_id": other_id,
        "caller_id": caller_id,
        "merge_id": merge.id,
        "inbox_id": console.inbox_id,
        "email": email,
        "set_aside_id": notice.item_id,
        **words.do(base, more),
    }


def settings_cast(console: Console) -> Cast:
    """What an admin's addresses name: an agent, a key, a webhook, a run that was stopped."""

    def more(unit: UnitOfWork) -> Cast:
        key, _ = accounts.create_key(unit, "Shop", ["contacts:write"], words.COMMAND)
        endpoint = webhooks.create(unit, "https://127.0.0.1/hooks", words.COMMAND, "Shop", None)
        webhooks.change(unit, endpoint.id, {"state": "disabled"}, words.COMMAND)  # nothing is sent meanwhile
        return {
            "key_id": key.id,
            "webhook_id": endpoint.id,
            "run_id": runs.stop(unit, mobile_identification.start_preview(unit).id, words.COMMAND).id,
        }

    agent_id = words.agent(console.base, "Ivo")
    ids = words.do(console.base, more, exclusive=True)
    member_id = words.agent(console.base, "Mia")
    words.do(console.base, lambda unit: store_accounts.assign_to_inbox(unit, console.general_id, member_id))
    return {
        **ids,
        "agent_id": agent_id,
        "member_id": member_id,
        "general_id": console.general_id,
        "inbox_id": words.inbox(console.base, fresh("Inbox")),
        "serial": fresh(),
    }
