"""A believable sample base: several hundred customers on all channels, some of them more than once."""

from __future__ import annotations

import os
import random
import socket
import sys
import threading
import time
import webbrowser
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from rich.console import Console

from onefold.accounts import service as accounts
from onefold.accounts import signing_in
from onefold.accounts import store as account_store
from onefold.contact_points.blocklist import DEFAULT_ENTRIES
from onefold.contact_points.kinds import Channel
from onefold.conversations import service as conversations
from onefold.conversations.service import Written
from onefold.core.actor import Actor
from onefold.core.clock import new_id, utc_now
from onefold.database.engine import Database, UnitOfWork
from onefold.database.migrate import upgrade
from onefold.database.transactions import run_in_transaction
from onefold.merging import service as merging
from onefold.merging import undo as undoing
from onefold.merging.service import MergeRequest
from onefold.organizations.store import add_organization, organization_ids
from onefold.profiles import parts
from onefold.profiles import service as profiles
from onefold.profiles.store import ADDRESSES, DETAILS
from onefold.receiving.contact import Contact, Further, ListedPhone, Sender
from onefold.receiving.service import Receiver
from onefold.suggestions import service as suggestions
from onefold.suggestions.service import queue
from onefold.suggestions.store import QueueFilter

_FIRST = """
    Ada Amara Anna Arjun Aylin Beatriz Ben Bola Carlos Chiara Chloé Daniel Dilara Elif Emeka Emma Esra Fatima Felix
    Finn Grace Hana Hiro Ines Ivan Jade Jakub João Jonas José Julia Kofi Lara Lea Leo Lin Lucía Luka Maja María Marta
    Mateo Mei Mia Milan Nadia Ngozi Nils Noah Nora Olga Omar Paula Pedro Priya Rahul Rosa Sara Sofia Søren Tariq Tomás
    Uma Vera Viktor Wei Yara Yuki Zeynep Zofia
""".split()
_LAST = """
    Abe Acosta Adeyemi Ahmed Andersson Bauer Bianchi Brown Castro Chen Costa Demir Diaz Dubois Eriksen Fernández
    Fischer García Gupta Haddad Hansen Hoffmann Ito Jansen Johnson Kaya Khan Kim Kowalski Kumar Larsen Lopez Martin
    Mbeki Mendes Meyer Moreau Müller Nagy Nakamura Nguyen Novak O'Brien Okafor Olsen Park Patel Pereira Petrov Popescu
    Ricci Rossi Sánchez Santos Sato Schmidt Silva Smith Suzuki Tanaka Taylor Thomas Torres Varga Vargas Wagner Walker
    Wang Weber Williams Wilson Wójcik Yılmaz Young Zhang
""".split()
_DOMAINS = (
    "gmail.com",
    "outlook.com",
    "icloud.com",
    "proton.me",
    "yahoo.com",
    "web.de",
    "orange.fr",
    "kitemail.example",
)
_SUBJECTS = (
    ("Where is my order?", "Hello, it was to come on Monday and it is Thursday. Could you look?"),
    ("Wrong size", "The jacket is a 40, I ordered a 42. How do I send it back?"),
    ("Invoice", "I need the invoice with our VAT number on it, please."),
    ("Change of address", "We are moving on the first; please send the next parcel to the new flat."),
    ("Thank you", "Just to say that the repair was done very well."),
    ("Cannot sign in", "The link in the password mail says it has expired, though it came a minute ago."),
    ("Broken lid", "The lid of the teapot arrived in two pieces. Pictures are below."),
    ("Question about the warranty", "Does it cover the battery as well?"),
)
_DETAILS = (
    ("allergies", "nuts"),
    ("preferred colour", "green"),
    ("nickname", "Captain"),
    ("shoe size", "42"),
    ("delivery", "leave with the neighbour"),
    ("language", "prefers Spanish"),
)
_AGENTS = (("Mara Lindt", "lead"), ("Theo Brandt", "agent"), ("Sina Aydin", "agent"), ("Iris Novak", "admin"))
_INBOXES = ("Orders", "Returns", "VIP")
_ACTOR = Actor(None, None, "demo")


class Made(NamedTuple):
    """What the sample base was filled with, a key to it, and a link that signs a lead in once."""

    profiles: int
    items: int
    suggestions: int
    token: str
    link: str
    pair: tuple[str, str]


class _Person(NamedTuple):
    name: str
    email: str
    second_email: str
    mobile: str
    landline: str
    handle: str
    customer_id: str


def prepare(path: Path, customers: int, console: Console) -> Made:
    """The sample base in this file, filled if it is new; a fresh key either way."""
    if not path.exists():
        _fill_elsewhere(path, customers, console)
    database = Database(f"sqlite:///{path}")
    upgrade(database)
    organization_id = organization_ids(database)[0][0]
    _, token = run_in_transaction(
        database,
        organization_id,
        lambda unit: accounts.create_key(
            unit, "demo", accounts.SCOPES, _ACTOR, expires_at=utc_now() + timedelta(days=30)
        ),
    )
    link = run_in_transaction(database, organization_id, _link)
    with database.read(organization_id) as unit:
        wanted = ("profiles WHERE survivor_id IS NULL", "items", "suggestions WHERE state = 'open'")
        counted = [unit.one(f"SELECT count(*) FROM {some}", ()) for some in wanted]
        first = queue(unit, QueueFilter(), None, 1)
    database.dispose()
    numbers = [int(row[0]) for row in counted if row is not None]
    return Made(
        numbers[0], numbers[1], numbers[2], token=token, link=link, pair=first[0].row.pair if first else ("", "")
    )


def _link(unit: UnitOfWork) -> str:
    lead = next(agent for agent in account_store.list_agents(unit) if agent.role == "lead")
    return signing_in.make_link(unit, lead.id, "link", valid=timedelta(hours=12), actor=_ACTOR)


def _fill_elsewhere(path: Path, customers: int, console: Console) -> None:
    """Interrupted, it leaves no sample base rather than a part of one, which the next demo would take for all."""
    with TemporaryDirectory(dir=path.parent, prefix="filling-") as folder:
        filled = Path(folder) / path.name
        database = Database(f"sqlite:///{filled}")
        upgrade(database)
        _fill(database, customers, console)
        database.dispose()
        filled.rename(path)


def _fill(database: Database, customers: int, console: Console) -> None:
    console.print(f"Filling a sample base with {customers:,} customers …")
    first = new_id()
    organization_id = add_organization(
        database, "Kite & Co.", "GB", inbox_id=first, inbox_name="General", entries=DEFAULT_ENTRIES, now=utc_now()
    )
    inboxes = [first, *run_in_transaction(database, organization_id, _set_up)]
    choose = random.Random(1815)
    people = [_person(choose, number) for number in range(customers)]
    contacts = sorted(_contacts(choose, people, inboxes), key=lambda contact: contact.occurred_at or utc_now())
    # A few at a time by a clock of their own time: so that timelines tell of the last month, not of this minute.
    for start in range(0, len(contacts), 25):
        some = contacts[start : start + 25]
        last = some[-1].occurred_at or utc_now()
        Receiver(database, clock=lambda last=last: last).receive(organization_id, some)  # type: ignore[misc]
    run_in_transaction(database, organization_id, lambda unit: _by_hand(unit, random.Random(7)))
    run_in_transaction(database, organization_id, lambda unit: _assign_some(unit, random.Random(11)))
    run_in_transaction(database, organization_id, _decide_some)


def _assign_some(unit: UnitOfWork, choose: random.Random) -> None:
    """What agents have taken out of the inboxes."""
    agents = [agent.id for agent in account_store.list_agents(unit)]
    for inbox_id, _ in account_store.list_inboxes(unit):
        for row in conversations.in_inbox(unit, inbox_id, None, 18):
            if choose.random() < 0.7:
                conversations.change(
                    unit, row.id, inbox_id=None, assignee_id=choose.choice(agents), unassign=False, state=None
                )


def _decide_some(unit: UnitOfWork) -> None:
    """What a lead has done with the likeliest duplicates: merged some, said "No Match" to some, undone one."""
    agents = {agent.name: agent.id for agent in account_store.list_agents(unit)}
    actor = Actor(min(agents.values()), None, "demo")
    merged = []
    for number, view in enumerate(queue(unit, QueueFilter(), None, 24)):
        older, newer = view.row.pair
        if profiles.resolve_redirect(unit, older) == profiles.resolve_redirect(unit, newer):
            continue
        if number % 6 == 5:
            suggestions.no_match(unit, older, newer, actor)
            continue
        request = MergeRequest(profiles.resolve_redirect(unit, newer), profiles.resolve_redirect(unit, older))
        if not merging.preview(unit, request, actor).obstacles:
            merged.append(merging.merge(unit, request, actor)[0].id)
    if merged:
        undoing.undo(unit, merged[0], None, actor)


def _set_up(unit: UnitOfWork) -> list[str]:
    inboxes = [accounts.add_inbox(unit, name, _ACTOR)[0] for name in _INBOXES]
    for number, (name, role) in enumerate(_AGENTS):
        email = f"{name.split()[0].lower()}@kite.example"
        agent = accounts.add_agent(unit, email, name=name, role=role, actor=_ACTOR)  # type: ignore[arg-type]
        accounts.assign_to_inbox(unit, inboxes[number % len(inboxes)], agent.id, _ACTOR)
    return inboxes


def _person(choose: random.Random, number: int) -> _Person:
    first, last = choose.choice(_FIRST), choose.choice(_LAST)
    plain = "".join(c for c in f"{first}.{last}".lower() if c.isascii() and (c.isalnum() or c == "."))
    local = f"{plain}{choose.choice(('', '', choose.randint(1, 99)))}{number if choose.random() < 0.5 else ''}"
    mobile = choose.choice((f"+447700900{number % 1000:03d}", f"+4915112{number:06d}", f"+3361234{number:04d}"))
    landline = f"+44207946{choose.randint(0, 59):04d}"  # households and offices share them
    email = f"{local}@{choose.choice(_DOMAINS)}"
    return _Person(
        f"{first} {last}",
        email,
        _second_email(choose, email, f"{plain}.{number}@work{number % 40}.example"),
        mobile=mobile,
        landline=landline,
        handle=f"{plain.replace('.', '_')}_{number}",
        customer_id=f"K-{10_000 + number}",
    )


def _second_email(choose: random.Random, email: str, of_work: str) -> str:
    """Another address of the same person: at work, with a tag, or with a slip of the finger."""
    local, _, domain = email.partition("@")
    slip = choose.randrange(1, max(2, len(local) - 1))
    return choose.choice((of_work, f"{local}+shop@{domain}", f"{local[:slip]}{local[slip + 1 :]}@{domain}"))


def _contacts(choose: random.Random, people: list[_Person], inboxes: list[str]) -> Iterator[Contact]:
    """Each person by one to four channels: what cannot be joined by an identifier is a duplicate to be found."""
    number = 0
    now = utc_now()
    for round_ in range(4):
        for person in people:
            if round_ and choose.random() > 0.55:
                continue
            number += 1
            contact = _contact(choose, person, number, first=round_ == 0)
            occurred = now - timedelta(minutes=choose.randint(1, 60 * 24 * 30))
            yield contact._replace(inbox_id=choose.choice(inboxes), occurred_at=occurred)


def _contact(choose: random.Random, person: _Person, number: int, *, first: bool) -> Contact:
    subject, body = choose.choice(_SUBJECTS)
    message_id = f"demo-{number}"
    channels: tuple[Channel, ...] = ("email", "email", "email", "voice", "sms", "whatsapp", "social", "chat")
    channel = choose.choice(channels)
    if channel == "email":
        email = person.email if first or choose.random() < 0.8 else person.second_email
        signed = Further(phones=(ListedPhone(person.mobile, "mobile"),)) if choose.random() < 0.15 else None
        sender = Sender(email=email, name=person.name)
        return Contact(
            channel,
            f"<{message_id}@mail.example>",
            sender,
            subject=subject,
            body=f"{body}\n\n{person.name}",
            further=signed,
        )
    if channel == "voice":
        phone = choose.choice((person.mobile, person.landline))
        return Contact(channel, f"CA{message_id}", Sender(phone=phone), further=None)
    if channel in ("sms", "whatsapp"):
        name = person.name if channel == "whatsapp" else None
        return Contact(
            channel, f"{channel}-{message_id}", Sender(phone=person.mobile, name=name), subject=None, body=body
        )
    if channel == "social":
        sender = Sender(network="instagram", user_id=str(17_841_400_000 + hash_of(person)), handle=f"@{person.handle}")
        return Contact(channel, message_id, sender._replace(name=person.name), subject=None, body=body)
    if choose.random() < 0.5:
        sender = Sender(visitor=f"v-{hash_of(person)}", customer_id=person.customer_id, proven=True, name=person.name)
    else:
        sender = Sender(visitor=f"v-{hash_of(person)}", email=person.email)
    return Contact(channel, message_id, sender, subject=None, body=body)


def hash_of(person: _Person) -> int:
    """A number of the person's own, the same at every run."""
    return int(person.customer_id.partition("-")[2])


def _by_hand(unit: UnitOfWork, choose: random.Random) -> None:
    """What agents add: details, addresses, relationships, notes."""
    profile_ids = [summary.row.id for summary in profiles.page(unit, None, 120)]
    agents = [agent.id for agent in account_store.list_agents(unit)]
    for one, other in zip(profile_ids[::8], profile_ids[1::8], strict=False):
        parts.relate(unit, one, other, kind=choose.choice(("spouse", "parent", "colleague")), version=None)
    for profile_id in profile_ids[::3]:
        key, value = choose.choice(_DETAILS)
        parts.add_part(unit, DETAILS, profile_id, values={"key": key, "value": value}, version=None)
        conversations.write(
            unit, profile_id, Written("Called back, no answer. Trying again tomorrow."), choose.choice(agents)
        )
    for number, profile_id in enumerate(profile_ids[::5]):
        address = {"street": f"{number + 3} Mill Lane", "city": "Bristol", "postal_code": "BS1 4DJ", "country": "GB"}
        parts.add_part(unit, ADDRESSES, profile_id, values=address, version=None)


def free_port(preferred: int) -> int:
    """The preferred port, or the next one nobody listens on."""
    for port in range(preferred, preferred + 50):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    return preferred


def address_of(made: Made, port: int) -> str:
    """Where the sample base opens signed in, once."""
    return f"http://127.0.0.1:{port}/sign-in/link?token={made.link}"


def open_when_ready(made: Made, port: int) -> None:
    """Opens the console in a browser once it is served, where somebody sits at a screen."""
    screen = sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if not (screen and sys.stdout.isatty()):
        return

    def wait() -> None:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    webbrowser.open(address_of(made, port))
                    return
            time.sleep(0.1)

    threading.Thread(target=wait, daemon=True).start()


def welcome(made: Made, port: int) -> str:
    """What the person at the terminal reads: where it runs, and what to try first."""
    at = f"http://127.0.0.1:{port}"
    return f"""
Onefold is ready: {made.profiles:,} profiles, {made.items:,} items, {made.suggestions:,} suggestions of duplicates.

  open           {address_of(made, port)}
                 (signs you in once, as Mara Lindt, a lead; the same command prints a new one)
  address        {at}
  API document   {at}/openapi.json
  API key        {made.token}

Send it an email, and see which profile it lands on:

  printf 'From: Ada Lovelace <ada@example.org>\\nMessage-ID: <1@example.org>\\nSubject: Hello\\n\\nWhere is it?\\n' |
    curl -s {at}/v1/channels/email -H 'Authorization: Bearer {made.token}' \\
      -H 'Content-Type: message/rfc822' --data-binary @-

See who may be the same customer, the likeliest first, and why:

  curl -s '{at}/v1/suggestions?limit=1' -H 'Authorization: Bearer {made.token}'

Merge them: what would happen first, then the same to /v1/merges with its digest.

  curl -s {at}/v1/merges/preview -H 'Authorization: Bearer {made.token}' \\
    -H 'Content-Type: application/json' -d '{{"source_id": "{made.pair[1]}", "destination_id": "{made.pair[0]}"}}'

Find a customer as you type:

  curl -s '{at}/v1/profiles/search?q=ada' -H 'Authorization: Bearer {made.token}'

Ctrl-C stops it; the sample base stays for the next time.
"""
