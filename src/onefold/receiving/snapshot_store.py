"""What a batch of contacts needs to know before it is decided: who holds which value, and where threads lead; a
statement for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

from onefold.contact_points.points import Holder, Key
from onefold.contact_points.store import HOLDER_COLUMNS, OPEN_CONVERSATION, identified_sql, listed_sql, with_profile
from onefold.database.dialects import Dialect
from onefold.database.engine import UnitOfWork
from onefold.organizations.policy import Policy
from onefold.receiving import set_aside_store
from onefold.receiving.contact import Answer, NormalizedContact
from onefold.receiving.snapshot import BatchSnapshot, Thread


@cache
def _earlier(d: Dialect) -> str:
    items = "i.organization_id = ? AND i.channel = k.kind AND i.message_id = k.value"
    return f"""
        SELECT i.channel, i.message_id, i.sender_key, i.outcome, i.profile_id, i.conversation_id, i.seq FROM {d.pairs}
        {d.join("items", "i", items, one=False)}
    """


@cache
def _listed_on(d: Dialect) -> str:
    columns = HOLDER_COLUMNS.replace("k.kind, k.value", "cp.kind, cp.value")
    point = "cp.organization_id = ? AND cp.profile_id = k.value AND NOT cp.identifying"
    return f"SELECT {columns} FROM {d.id_keys} {d.join('contact_points', 'cp', point, one=False)} {with_profile(d)}"


def _leading(d: Dialect, of: str) -> str:
    """Where a message or conversation leads today: to its profile, or to the profile that one was merged into."""
    writer = f"w.organization_id = {of}.organization_id AND w.id = {of}.profile_id"
    survivor = "s.organization_id = w.organization_id AND s.id = w.survivor_id"
    return (
        d.join("profiles", "w", writer)
        + d.left_join("conversations", "o", OPEN_CONVERSATION.format(c="o", p="w"))
        + d.left_join("profiles", "s", survivor)
        + d.left_join("conversations", "so", OPEN_CONVERSATION.format(c="so", p="s"))
    )


_LEADS_TO = "w.id, w.version, o.id, s.id, s.version, so.id"


@cache
def _threads(d: Dialect) -> str:
    items = "i.organization_id = ? AND i.channel = ? AND i.message_id = k.value"
    named = d.join("items", "i", items, one=False)
    own = "a.organization_id = i.organization_id AND a.id = i.contact_point_id"
    absorbing = f"SELECT a.contact_point_id FROM absorbed_points AS a WHERE {own}"
    ours = f"CASE WHEN i.direction = 'out' THEN coalesce(({absorbing}), i.contact_point_id) END"
    return f"SELECT k.value, i.conversation_id, {ours}, {_LEADS_TO} FROM {d.keys} {named} {_leading(d, 'i')}"


@cache
def _named_conversations(d: Dialect) -> str:
    named = "t.organization_id = ? AND t.id = k.value"
    joined = f"{d.join('conversations', 't', named)} {_leading(d, 't')}"
    return f"SELECT k.value, t.id, NULL, {_LEADS_TO} FROM {d.id_keys} {joined}"


@cache
def _customer_ids(d: Dialect) -> str:
    current = "cp.organization_id = ? AND cp.profile_id = k.value AND cp.kind = 'customer_id' AND cp.current"
    return f"SELECT cp.profile_id FROM {d.id_keys} {d.join('contact_points', 'cp', current)}"


@cache
def _last_conversations(d: Dialect) -> str:
    newest = (
        "SELECT c.id FROM conversations AS c WHERE c.organization_id = ? AND c.profile_id = keys.value "
        "AND c.merged_into_id IS NULL ORDER BY c.id DESC LIMIT 1"
    )
    return f"WITH keys AS (SELECT k.value FROM {d.id_keys}) SELECT keys.value, ({newest}) FROM keys"


@cache
def _identities(d: Dialect) -> str:
    """RES-17: of the profiles that chat tokens open, those that hold more than tokens and claims."""
    token = "t.organization_id = ? AND t.kind = 'visitor' AND t.value = k.value AND t.identifying"
    held = "cp.organization_id = t.organization_id AND cp.profile_id = t.profile_id"
    more = f"{held} AND cp.kind <> 'visitor' AND cp.standing <> 'claimed'"
    joins = d.join("contact_points", "t", token) + d.join("contact_points", "cp", more, one=False)
    return f"SELECT DISTINCT cp.profile_id FROM {d.keys} {joins}"


@cache
def _claims(d: Dialect) -> str:
    claimed = "cp.organization_id = ? AND cp.profile_id = k.value AND cp.standing = 'claimed'"
    return f"SELECT cp.profile_id FROM {d.id_keys} {d.join('contact_points', 'cp', claimed, one=False)}"


def load_snapshot(unit: UnitOfWork, arrivals: Iterable[NormalizedContact], policy: Policy) -> BatchSnapshot:
    """Everything a batch's decisions look at, read in a few statements whatever the size of the batch."""
    book = BatchSnapshot()
    arrivals = list(arrivals)
    wanted = _Wanted.of(arrivals)
    for channel, message_id, sender_key, outcome, profile_id, conversation_id, seq in unit.lookup(
        _earlier(unit.dialect), (unit.organization_id,), list(wanted.messages)
    ):
        answer = Answer(outcome or "opened", profile_id, conversation_id, str(seq), repeated=True)
        book.earlier[channel, message_id, sender_key] = answer
    book.earlier |= _set_aside_before(unit, arrivals)
    if wanted.values:
        _load_holders(unit, book, list(wanted.values), wanted.shared_kinds, policy.shared_limit + 1)
    _load_threads(unit, book, arrivals)
    _load_beyond(unit, book, policy.shared_limit + 1)
    if book.versions and any(kind == "customer_id" for kind, _ in wanted.values):
        rows = unit.lookup(_customer_ids(unit.dialect), (unit.organization_id,), list(book.versions))
        book.with_customer_id.update(profile_id for (profile_id,) in rows)
    if book.versions and any(arrival.contact.machine for arrival in arrivals):
        last = unit.lookup(_last_conversations(unit.dialect), (unit.organization_id,), list(book.versions))
        book.last_conversations.update((row[0], row[1]) for row in last if row[1] is not None)
    tokens = [a.token.value for a in arrivals if a.token is not None]
    if tokens:
        book.identities.update(
            row[0] for row in unit.lookup(_identities(unit.dialect), (unit.organization_id,), tokens)
        )
    if book.versions and any(arrival.further for arrival in arrivals):
        book.claims.update(
            row[0] for row in unit.lookup(_claims(unit.dialect), (unit.organization_id,), list(book.versions))
        )
    return book


def _set_aside_before(
    unit: UnitOfWork, arrivals: Iterable[NormalizedContact]
) -> dict[tuple[str, str, str | None], Answer]:
    """What was set aside stays so when it comes again, whatever has become known since (RES-12)."""
    mails = [a for a in arrivals if a.was_sent_for or a.contact.machine is not None]
    rows = set_aside_store.ids_by_message(unit, sorted({a.message_key for a in mails})) if mails else {}
    return {key: Answer("set_aside", "", "", row_id, repeated=True) for key, row_id in rows.items()}


class _Wanted(NamedTuple):
    """The keys a batch asks for, each once."""

    messages: dict[tuple[str, str], None]
    values: dict[Key, None]
    shared_kinds: set[str]

    @classmethod
    def of(cls, arrivals: Iterable[NormalizedContact]) -> _Wanted:
        wanted = cls({}, {}, set())
        for arrival in arrivals:
            contact, point = arrival.contact, arrival.identifier
            wanted.messages[contact.channel, arrival.message_key] = None
            if point is not None and not point.blocked:
                wanted.values[point.kind, point.value] = None
                if arrival.answers:
                    wanted.shared_kinds.add(point.kind)  # the answer may prove what another claims (PRO-14)
            for recipient in arrival.recipients:
                wanted.values[recipient.kind, recipient.value] = None
            for further in arrival.further:
                if not further.blocked:
                    wanted.values[further.kind, further.value] = None
                    wanted.shared_kinds.add(further.kind)
        return wanted


def _load_holders(unit: UnitOfWork, book: BatchSnapshot, keys: list[Key], shared_kinds: set[str], limit: int) -> None:
    """Who is identified by each value; who else lists it, where nobody is or where suggestions need to know."""
    _load_identified(unit, book, keys)
    rest = [key for key in keys if key[0] in shared_kinds or key not in book.identified]
    if not rest:
        return
    # Two calls from one shared line must see each other to suggest each other: a lock, because nothing unique stops
    # them; then another look, because somebody may have been waited for.
    phones = [key for key in rest if key[0] == "phone"]
    if phones and unit.lock_values([value for _, value in phones]):
        _load_identified(unit, book, [key for key in phones if key not in book.identified])
    for row in unit.lookup(
        listed_sql(unit.dialect), unit.dialect.first_parameters((unit.organization_id,), limit), rest
    ):
        book.listed.setdefault(_key(row), []).append(_holder(book, row))


def _load_beyond(unit: UnitOfWork, book: BatchSnapshot, limit: int) -> None:
    """Of a value that more list than were looked at, those a contact may open as well, or it would be listed twice."""
    crowded = {
        key: {h.contact_point_id for h in holders} for key, holders in book.listed.items() if len(holders) >= limit
    }
    if not crowded:
        return
    for row in unit.lookup(_listed_on(unit.dialect), (unit.organization_id,), list(book.versions)):
        if (key := _key(row)) in crowded and row[2] not in crowded[key]:
            book.listed[key].append(_holder(book, row))


def _load_identified(unit: UnitOfWork, book: BatchSnapshot, keys: list[Key]) -> None:
    if keys:
        for row in unit.lookup(identified_sql(unit.dialect), (unit.organization_id,), keys):
            book.identified[_key(row)] = _holder(book, row)


def _key(row: Sequence[object]) -> Key:
    return row[0], row[1]  # type: ignore[return-value]


def _holder(book: BatchSnapshot, row: Sequence[object]) -> Holder:
    _, _, point_id, profile_id, phone_type, sms, contacted, standing, undeliverable, current, version, talk_id = row
    book.versions[profile_id] = version  # type: ignore[index, assignment]
    if talk_id is not None:
        book.open_conversations[profile_id] = talk_id  # type: ignore[index, assignment]
    flags = {"sms": bool(sms), "contacted": bool(contacted), "undeliverable": bool(undeliverable)}
    flags["current"] = bool(current)
    return Holder(point_id, profile_id, phone_type, standing=standing, **flags)  # type: ignore[arg-type]


def _load_threads(unit: UnitOfWork, book: BatchSnapshot, arrivals: Iterable[NormalizedContact]) -> None:
    """RES-13, PRO-14: where the threads lead that contacts name whose sender opens nothing, or is claimed by others."""
    replies: dict[str, dict[str, None]] = {}
    conversations: dict[str, None] = {}
    for arrival in arrivals:
        point, contact = arrival.identifier, arrival.contact
        key = None if point is None or point.blocked else (point.kind, point.value)
        is_claimed = key is not None and any(one.standing == "claimed" for one in book.listed.get(key, ()))
        if key not in book.identified or is_claimed or contact.machine is not None:
            if arrival.answers:
                replies.setdefault(contact.channel, {}).update(dict.fromkeys(arrival.answers))
            if contact.conversation_id is not None:
                conversations[contact.conversation_id] = None
    rows = []
    for channel, names in replies.items():
        rows += unit.lookup(_threads(unit.dialect), (unit.organization_id, channel), list(names))
    if conversations:
        rows += unit.lookup(_named_conversations(unit.dialect), (unit.organization_id,), list(conversations))
    for name, conversation_id, sent_to, *leads in rows:
        profile_id, version, open_id = leads[3:] if leads[3] is not None else leads[:3]
        book.threads[name] = Thread(conversation_id, profile_id, sent_to)
        book.versions[profile_id] = version
        if open_id is not None:
            book.open_conversations[profile_id] = open_id
