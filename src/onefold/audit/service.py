"""The append-only audit log (MRG-14): every entry carries the hash of the one before it.

What is personal, both sides before a merge, is kept apart from its entry, which holds a salted hash of it: an erasure
may take it away and the log still verifies; without the salt, a hash of so little text could be guessed.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple, get_args

from onefold.audit import store
from onefold.audit.store import EntryRow, Filters, RecordRow
from onefold.core.actor import Actor
from onefold.core.clock import utc_now
from onefold.core.errors import InvalidValue, NotFound
from onefold.core.ids import is_id
from onefold.core.text import validate_text
from onefold.database.engine import UnitOfWork
from onefold.database.tables import instant, instant_text

ORIGIN_LENGTH = 200
_CHUNK = 500

Action = Literal[
    "profile.merged",
    "profile.unmerged",
    "profile.detached",
    "profile.erased",
    "conversation.moved",
    "number.given",
    "contact.filed",
    "contact.removed",
    "suggestion.dismissed",
    "suggestion.reopened",
    "merges.started",
    "profile.exported",
    "file.downloaded",
    "session.begun",
    "session.refused",
    "session.ended",
    "organization.added",
    "agent.added",
    "agent.changed",
    "agent.password_set",
    "agent.invited",
    "agent.link_made",
    "agent.second_factor_on",
    "agent.second_factor_off",
    "agent.provider_linked",
    "agent.provider_unlinked",
    "agent.passkey_added",
    "agent.passkey_removed",
    "agent.signed_out_everywhere",
    "key.made",
    "key.revoked",
    "inbox.added",
    "inbox.renamed",
    "inbox.agent_assigned",
    "inbox.agent_removed",
    "settings.changed",
    "blocklist.added",
    "blocklist.removed",
    "run.stopped",
    "run.resumed",
    "webhook.added",
    "webhook.changed",
    "webhook.secret_made",
    "webhook.removed",
    "webhook.repeated",
]
ACTIONS: tuple[Action, ...] = get_args(Action)
"""Everything that is recorded. A new action is named here, or `record` refuses it; a test walks through all of them."""


class Entry(NamedTuple):
    """An entry as it is read. `before` is None where there was no record, or where it was `erased`."""

    seq: int
    at: datetime
    action: str
    actor: Actor
    profile_id: str | None
    other_id: str | None
    details: dict[str, Any]
    before: dict[str, Any] | None
    erased: bool
    hash: str


class Verification(NamedTuple):
    """What reading the whole log found: entries that follow from each other, up to the last or the first wrong one.

    `erased` counts records that were taken away. `wrong` is `changed`, `missing`, `record_changed`, and, where an
    anchor or a record tells, `cut_off` (the newest entries are gone) or `rewritten` (the whole log is another one).
    """

    entries: int
    last_seq: int
    last_hash: str
    erased: int
    first_wrong: int | None
    wrong: str | None


def record(
    unit: UnitOfWork,
    actor: Actor,
    action: Action,
    *,
    profile_id: str | None = None,
    other_id: str | None = None,
    details: Mapping[str, Any],
    before: Mapping[str, Any] | None = None,
) -> int:
    """Appends an entry and returns its number, which follows the last one's without a gap.

    Call it last in a unit: until the unit ends every other that appends waits, and whoever took another lock after
    this one could wait for them in turn. `details` holds ids, kinds, names of fields and choices, never a customer's
    values; what is personal goes into `before`.
    """
    if action not in ACTIONS:
        raise ValueError(f"{action} is no action of the audit log")
    record_row = None if before is None else RecordRow(secrets.token_hex(32), _json(before))
    seq, previous = store.last(unit) or (0, _beginning(unit))
    entry = EntryRow(
        seq + 1,
        instant_text(utc_now()),
        action,
        agent_id=actor.agent_id,
        key_id=actor.key_id,
        origin=actor.origin[:ORIGIN_LENGTH],
        profile_id=profile_id,
        other_id=other_id,
        details=_json(details),
        record_hash=None if record_row is None else _record_hash(record_row),
        hash="",
    )
    store.append(unit, entry._replace(hash=_hash(previous, entry)), record_row)
    return entry.seq


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":"), default=str)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _beginning(unit: UnitOfWork) -> str:
    """What the first entry follows: so that one organization's log cannot be put in another's place."""
    return _sha256(f"onefold audit {unit.organization_id}")


def _record_hash(row: RecordRow) -> str:
    return _sha256(row.salt + row.record)


def _hash(previous: str, entry: EntryRow) -> str:
    """The hash of everything an entry says and of the one before it."""
    return _sha256(_json([previous, *entry[:-1]]))


def head(unit: UnitOfWork) -> tuple[int, str] | None:
    """Number and hash of the newest entry; None where there is none yet."""
    return store.last(unit)


def verify(unit: UnitOfWork, anchors: Mapping[int, str] | None = None) -> Verification:
    """Reads the log from its beginning and stops at the first entry that is wrong.

    Anchors, hashes by the numbers of entries that were the newest once, find also a log that was cut off or written
    anew as a whole. The log is read a part at a time, however long it is.
    """
    anchors = anchors or {}
    state = Verification(0, 0, _beginning(unit), erased=0, first_wrong=None, wrong=None)
    after: int | None = None
    while part := store.following(unit, after, _CHUNK):
        for entry, record_row in part:
            wrong = _wrong(state, entry, record_row, anchors)
            if wrong is not None:
                return state._replace(first_wrong=state.last_seq + 1, wrong=wrong)
            gone = entry.record_hash is not None and record_row is None
            state = Verification(
                state.entries + 1, entry.seq, entry.hash, erased=state.erased + gone, first_wrong=None, wrong=None
            )
        after = part[-1][0].seq
    furthest = max([*anchors, store.newest_record(unit) or 0])
    if furthest > state.last_seq:
        return state._replace(first_wrong=state.last_seq + 1, wrong="cut_off")
    return state


def _wrong(
    state: Verification, entry: EntryRow, record_row: RecordRow | None, anchors: Mapping[int, str]
) -> str | None:
    if entry.seq > state.last_seq + 1:
        return "missing"
    if entry.seq != state.last_seq + 1 or entry.hash != _hash(state.last_hash, entry):
        return "changed"
    if record_row is not None and _record_hash(record_row) != entry.record_hash:
        return "record_changed"
    if anchors.get(entry.seq, entry.hash) != entry.hash:
        return "rewritten"
    return None


def erase_records(unit: UnitOfWork, profile_ids: Sequence[str]) -> int:
    """Takes away the personal records of entries that name one of the profiles; the entries stay. Returns how many."""
    return store.erase_records(unit, profile_ids)


def page(
    unit: UnitOfWork,
    *,
    profile_id: str | None = None,
    action: str | None = None,
    agent_id: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before_seq: int | None = None,
    limit: int = 50,
) -> list[Entry]:
    """Entries, newest first, without their records; `since` inclusive, `until` exclusive."""
    for field, filter_id in (("profile_id", profile_id), ("agent_id", agent_id)):
        if filter_id is not None and not is_id(filter_id):
            raise InvalidValue(f"{field} is no id.", code="invalid_id", field=field)
    filters = Filters(
        profile_id, None if action is None else validate_text(action, "action", 100), agent_id, since=since, until=until
    )
    return [_entry(row, None) for row in store.page(unit, filters, before_seq, limit)]


def read(unit: UnitOfWork, seq: int) -> Entry:
    """One entry with what was before; raises NotFound."""
    rows = store.read(unit, seq)
    if rows is None:
        raise NotFound("The audit log has no entry of this number.", code="audit_entry_not_found")
    entry, record_row = rows
    return _entry(entry, record_row)._replace(erased=entry.record_hash is not None and record_row is None)


def _entry(row: EntryRow, record_row: RecordRow | None) -> Entry:
    actor = Actor(row.agent_id, row.key_id, row.origin)
    before = None if record_row is None else json.loads(record_row.record)
    return Entry(
        row.seq,
        instant(row.at),
        row.action,
        actor=actor,
        profile_id=row.profile_id,
        other_id=row.other_id,
        details=json.loads(row.details),
        before=before,
        erased=False,
        hash=row.hash,
    )
