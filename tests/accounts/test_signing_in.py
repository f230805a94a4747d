"""Signing in and out: by password, second factor, link, invitation and single sign-on; and who is kept out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest
from cryptography.fernet import Fernet

from onefold.accounts import known_devices, passwords, signing_in
from onefold.accounts import service as accounts
from onefold.accounts.signing_in import Identity, SecondFactorNeeded, SignedIn, Visit
from onefold.accounts.store import AgentRow
from onefold.audit import service as audit
from onefold.core.actor import Actor
from onefold.core.clock import new_id
from onefold.core.errors import Conflict, DomainError, InvalidValue, NotFound, NotSignedIn, TooMany
from onefold.core.secrets import SecretBox
from onefold.database.engine import UnitOfWork
from onefold.database.transactions import run_in_transaction
from onefold.jobs.worker import forget_old
from tests.conftest import Base
from tests.dsl.words import COMMAND, do, rows
from tests.jobs.receiver import HandClock
from tests.races.processes import Job, at_once
from tests.races.workers import opened

PASSWORD = "correct horse battery"
VISIT = Visit("203.0.113.7", "test")
GOOGLE = Identity("https://accounts.example", "10769150350006150715113082367")
HOUR = timedelta(hours=1)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[HandClock]:
    """The time as signing in sees it."""
    clock = HandClock()
    monkeypatch.setattr(signing_in, "utc_now", clock)
    yield clock


@pytest.fixture
def mara(base: Base) -> AgentRow:
    """An agent with a password."""
    return do(base, lambda unit: accounts.add_agent(unit, "mara@kite.example", "Mara", "lead", COMMAND, PASSWORD))


def enter(base: Base, email: str = "mara@kite.example", password: str = PASSWORD) -> SignedIn | SecondFactorNeeded:
    return do(base, lambda unit: signing_in.sign_in(unit, email, password, "test"))


def session(base: Base) -> str:
    """Mara signs in; the session's token."""
    entered = enter(base)
    assert isinstance(entered, SignedIn)
    return entered.token


def ticket(base: Base) -> str:
    """Mara signs in as far as the second factor."""
    entered = enter(base)
    assert isinstance(entered, SecondFactorNeeded)
    return entered.ticket


def turn_on(base: Base, agent: AgentRow, clock: Callable[[], Any], **more: Any) -> str:
    """Gives an agent a second factor, a while ago; its secret."""
    secret, _ = signing_in.new_second_factor(agent)
    code = code_of(secret, clock, -1)
    do(base, lambda unit: signing_in.turn_on_second_factor(unit, agent.id, secret, code, COMMAND, **more))
    return secret


def code_of(secret: str, clock: Callable[[], Any], steps: int = 0) -> str:
    """What the authenticator shows, so many half minutes from now."""
    return pyotp.TOTP(secret).at(clock(), counter_offset=steps)


def link(base: Base, agent: AgentRow, purpose: signing_in.Purpose = "link", valid: timedelta = HOUR) -> str:
    return do(base, lambda unit: signing_in.make_link(unit, agent.id, purpose, valid, COMMAND))


def second(base: Base, ticket: str, code: str) -> SignedIn:
    return do(base, lambda unit: signing_in.second_factor(unit, ticket, code, "test"))


def is_open(base: Base, token: str) -> bool:
    try:
        return accounts.authenticate(base.database, token).agent_id is not None
    except NotSignedIn:
        return False


def code_refused(work: Callable[[], object], kind: type[DomainError] = NotSignedIn) -> str:
    with pytest.raises(kind) as caught:
        work()
    return caught.value.code


def audited(base: Base) -> list[str]:
    """What the audit log says was done, oldest first, but who was added and signed in."""
    with base.database.read(base.organization_id) as unit:
        actions = [entry.action for entry in reversed(audit.page(unit))]
    return [action for action in actions if action not in ("agent.added", "session.begun")]


# By password


def test_a_password_signs_in_and_signing_out_ends_it(base: Base, mara: AgentRow) -> None:
    token, other = session(base), session(base)
    principal = accounts.authenticate(base.database, token)
    assert (principal.agent_id, "profiles:write" in principal.scopes, "settings:write" in principal.scopes) == (
        mara.id,
        True,
        False,
    )
    do(base, lambda unit: signing_in.sign_out(unit, token, COMMAND))
    assert (is_open(base, token), is_open(base, other)) == (False, True)


def test_signing_in_apart_is_the_same_and_lets_others_write_while_it_checks(
    base: Base, mara: AgentRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str] = []

    def check(password: str, password_hash: str | None) -> bool:
        with base.database.write(base.organization_id):
            checked.append(password)
        return passwords.is_password(password, password_hash)

    monkeypatch.setattr(signing_in, "is_password", check)
    entered = signing_in.sign_in_apart(base.database, base.organization_id, "mara@kite.example", PASSWORD, VISIT)
    assert isinstance(entered, SignedIn)
    assert is_open(base, entered.token)
    assert checked == [PASSWORD]
    with pytest.raises(NotSignedIn):
        signing_in.sign_in_apart(base.database, base.organization_id, "mara@kite.example", "wrong password", VISIT)


def test_a_password_that_is_changed_while_it_is_checked_does_not_sign_in(
    base: Base, mara: AgentRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(password: str, password_hash: str | None) -> bool:
        do(base, lambda unit: accounts.set_password(unit, mara.id, "another long password", COMMAND))
        return passwords.is_password(password, password_hash)

    monkeypatch.setattr(signing_in, "is_password", check)
    with pytest.raises(NotSignedIn):
        signing_in.sign_in_apart(base.database, base.organization_id, "mara@kite.example", PASSWORD, VISIT)


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("mara@kite.example", "wrong password"),
        ("nobody@kite.example", PASSWORD),
        ("theo@kite.example", ""),
        ("mara@kite.example", PASSWORD + "x" * 1_000_000),
        ("mara@kite.example", "\ud800\x00"),
    ],
)
def test_a_wrong_sign_in_does_not_say_what_was_wrong(base: Base, mara: AgentRow, email: str, password: str) -> None:
    do(base, lambda unit: accounts.add_agent(unit, "theo@kite.example", "Theo", "agent", COMMAND))
    with pytest.raises(NotSignedIn, match="The email or the password is wrong"):
        enter(base, email, password)


def test_whoever_is_named_the_same_work_is_done(base: Base, mara: AgentRow, monkeypatch: pytest.MonkeyPatch) -> None:
    """So the time an answer takes does not tell who has an account."""
    for name in ("theo", "iris"):
        do(base, lambda unit, n=name: accounts.add_agent(unit, f"{n}@kite.example", n, "agent", COMMAND))  # type: ignore[misc]
    iris = rows(base, "SELECT id FROM agents WHERE name = 'iris'")[0].id
    do(base, lambda unit: accounts.set_password(unit, iris, PASSWORD, COMMAND))
    do(base, lambda unit: accounts.change_agent(unit, iris, {"active": False}, COMMAND))
    work: list[str] = []
    verify = passwords._passwords.verify

    def noted(password: bytes, password_hash: str) -> bool:
        work.append(password_hash.rpartition("$")[0].rpartition("$")[0])
        return verify(password, password_hash)

    monkeypatch.setattr(passwords._passwords, "verify", noted)
    for name in ("mara", "nobody", "theo", "iris"):
        with pytest.raises(NotSignedIn):
            enter(base, f"{name}@kite.example", "wrong password")
    assert len(work) == 4
    assert len(set(work)) == 1
    assert work[0].startswith("$argon2id$")


def test_an_inactive_agent_gets_in_by_no_way(base: Base, mara: AgentRow, clock: HandClock) -> None:
    do(base, lambda unit: signing_in.link_provider(unit, mara.id, GOOGLE, COMMAND))
    secret = turn_on(base, mara, clock)
    handed_out = ticket(base), link(base, mara), link(base, mara, "invitation")
    do(base, lambda unit: accounts.change_agent(unit, mara.id, {"active": False}, COMMAND))
    ways: list[Callable[[UnitOfWork], object]] = [
        lambda unit: signing_in.sign_in(unit, "mara@kite.example", PASSWORD, "test"),
        lambda unit: signing_in.second_factor(unit, handed_out[0], code_of(secret, clock), "test"),
        lambda unit: signing_in.use_link(unit, handed_out[1], "test"),
        lambda unit: signing_in.accept_invitation(unit, handed_out[2], PASSWORD, "test"),
        lambda unit: signing_in.sign_in_by_provider(unit, GOOGLE, "test"),
    ]
    for active in (False, True):  # nor afterwards, by what was handed out before
        for way in ways if not active else ways[1:4]:
            with pytest.raises(NotSignedIn):
                do(base, way)
        do(base, lambda unit: accounts.change_agent(unit, mara.id, {"active": True}, COMMAND))


# The second factor


def test_the_second_factor_is_asked_for_and_a_code_of_now_or_beside_it_answers(
    base: Base, mara: AgentRow, clock: HandClock
) -> None:
    secret = turn_on(base, mara, clock)
    clock.move(seconds=120)
    for steps in (-1, 0, 1):
        code = code_of(secret, clock, steps)
        assert is_open(base, second(base, ticket(base), f" {code[:3]} {code[3:]}").token)
    clock.move(seconds=120)
    for steps in (-2, 2):
        assert code_refused(lambda s=steps: second(base, ticket(base), code_of(secret, clock, s))) == "wrong_code"  # type: ignore[misc]


def test_a_code_serves_once_also_the_one_that_turned_it_on(base: Base, mara: AgentRow, clock: HandClock) -> None:
    secret = turn_on(base, mara, clock)
    assert code_refused(lambda: second(base, ticket(base), code_of(secret, clock, -1))) == "wrong_code"
    second(base, ticket(base), code_of(secret, clock))
    assert code_refused(lambda: second(base, ticket(base), code_of(secret, clock))) == "wrong_code"


def test_a_ticket_serves_once_and_for_five_minutes(base: Base, mara: AgentRow, clock: HandClock) -> None:
    secret = turn_on(base, mara, clock)
    used, late = ticket(base), ticket(base)
    second(base, used, code_of(secret, clock))
    assert code_refused(lambda: second(base, used, code_of(secret, clock, 1))) == "ticket_not_valid"
    clock.move(minutes=5)
    assert code_refused(lambda: second(base, late, code_of(secret, clock))) == "ticket_not_valid"


@pytest.mark.parametrize("code", ["", "000000 ", "12345", "1234567", "１２３４５６", "abcdef", "\ud800", "0" * 100_000])
def test_what_is_no_code_of_now_is_refused_and_the_ticket_stays(
    base: Base, mara: AgentRow, clock: HandClock, code: str
) -> None:
    secret = turn_on(base, mara, clock)
    token = ticket(base)
    assert code_refused(lambda: second(base, token, code)) == "wrong_code"
    second(base, token, code_of(secret, clock))


def test_after_five_wrong_codes_no_ticket_of_the_agent_serves(
    base: Base, mara: AgentRow, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tried(ticket: str, code: str, cookie: str = "") -> SignedIn:
        return signing_in.second_factor_apart(
            base.database, base.organization_id, ticket, code, Visit("203.0.113.7", "test", cookie)
        )

    monkeypatch.setattr(base.database, "secrets", SecretBox([Fernet.generate_key()]))
    secret = turn_on(base, mara, clock)
    first = ticket(base)
    for _ in range(5):
        assert code_refused(lambda: tried(first, "x")) == "wrong_code"
    for one in (first, ticket(base)):
        with pytest.raises(TooMany) as caught:
            tried(one, code_of(secret, clock))
        assert caught.value.code == "too_many_sign_ins"
        assert 0 < caught.value.facts["retry_after"] <= 15 * 60  # type: ignore[operator]
    another = known_devices.cookie_of(base.database.secrets, base.organization_id, new_id()) or ""
    with pytest.raises(TooMany):
        tried(first, code_of(secret, clock), another)
    own = known_devices.cookie_of(base.database.secrets, base.organization_id, mara.id) or ""
    assert is_open(base, tried(first, code_of(secret, clock), own).token)  # whoever guesses elsewhere locks nobody out


def test_guesses_from_elsewhere_do_not_keep_a_known_device_out(
    base: Base, mara: AgentRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tried(password: str, client: str, cookie: str = "") -> SignedIn | SecondFactorNeeded:
        visit = Visit(client, "test", cookie)
        return signing_in.sign_in_apart(base.database, base.organization_id, "mara@kite.example", password, visit)

    monkeypatch.setattr(base.database, "secrets", SecretBox([Fernet.generate_key()]))
    own = known_devices.cookie_of(base.database.secrets, base.organization_id, mara.id) or ""
    for n in range(10):
        assert code_refused(lambda n=n: tried("wrong password", f"198.51.100.{n}")) == "wrong_password"
    assert code_refused(lambda: tried(PASSWORD, VISIT.client), TooMany) == "too_many_sign_ins"
    assert isinstance(tried(PASSWORD, VISIT.client, own), SignedIn)


def test_the_authenticator_is_told_what_it_needs(mara: AgentRow) -> None:
    secret, address = signing_in.new_second_factor(mara)
    assert urlsplit(address).scheme == "otpauth"
    assert parse_qs(urlsplit(address).query) == {"secret": [secret], "issuer": ["Onefold"]}
    assert urlsplit(address).path == "/Onefold:mara%40kite.example"
    assert secret != signing_in.new_second_factor(mara)[0]


def test_turning_it_on_or_off_ends_the_agents_other_sessions(base: Base, mara: AgentRow, clock: HandClock) -> None:
    own, other = session(base), session(base)
    secret = turn_on(base, mara, clock, except_token=own)
    assert (is_open(base, own), is_open(base, other)) == (True, False)
    begun, other = ticket(base), second(base, ticket(base), code_of(secret, clock)).token
    do(base, lambda unit: signing_in.turn_off_second_factor(unit, mara.id, COMMAND, own))
    assert (is_open(base, own), is_open(base, other)) == (True, False)
    assert code_refused(lambda: second(base, begun, code_of(secret, clock, 1))) == "ticket_not_valid"
    assert isinstance(enter(base), SignedIn)


def test_it_is_turned_on_by_who_has_the_authenticator_and_once(base: Base, mara: AgentRow, clock: HandClock) -> None:
    def on(secret: str, code: str, agent_id: str = mara.id) -> None:
        do(base, lambda unit: signing_in.turn_on_second_factor(unit, agent_id, secret, code, COMMAND))

    secret, _ = signing_in.new_second_factor(mara)
    assert code_refused(lambda: on(secret, "000000x"), InvalidValue) == "wrong_code"
    assert code_refused(lambda: on("SHORT", "000000"), InvalidValue) == "invalid_secret"
    assert code_refused(lambda: on(secret, code_of(secret, clock), new_id()), NotFound) == "agent_not_found"
    assert isinstance(enter(base), SignedIn)
    on(secret, code_of(secret, clock))
    another, _ = signing_in.new_second_factor(mara)
    assert code_refused(lambda: on(another, code_of(another, clock)), Conflict) == "second_factor_present"


# By a one-time link


def test_a_link_signs_in_once(base: Base, mara: AgentRow) -> None:
    token = link(base, mara)
    assert signing_in.organization_of_token(token) == base.organization_id
    entered = do(base, lambda unit: signing_in.use_link(unit, token, "test"))
    assert isinstance(entered, SignedIn)
    assert is_open(base, entered.token)
    assert code_refused(lambda: do(base, lambda unit: signing_in.use_link(unit, token, "test"))) == "link_not_valid"


def test_a_link_is_good_for_so_long_and_until_the_next_is_made(base: Base, mara: AgentRow, clock: HandClock) -> None:
    late = link(base, mara, valid=timedelta(minutes=15))
    clock.move(minutes=15)
    assert code_refused(lambda: do(base, lambda unit: signing_in.use_link(unit, late, "test"))) == "link_not_valid"
    before, newest = link(base, mara), link(base, mara)
    assert code_refused(lambda: do(base, lambda unit: signing_in.use_link(unit, before, "test"))) == "link_not_valid"
    do(base, lambda unit: signing_in.use_link(unit, newest, "test"))


def test_a_link_or_invitation_of_somebody_with_a_second_factor_still_asks_for_it(
    base: Base, mara: AgentRow, clock: HandClock
) -> None:
    secret = turn_on(base, mara, clock)
    token, invitation = link(base, mara), link(base, mara, "invitation")
    entered = do(base, lambda unit: signing_in.use_link(unit, token, "test"))
    assert isinstance(entered, SecondFactorNeeded)
    second(base, entered.ticket, code_of(secret, clock))
    entered = do(base, lambda unit: signing_in.accept_invitation(unit, invitation, PASSWORD, "test"))
    assert isinstance(entered, SecondFactorNeeded)
    second(base, entered.ticket, code_of(secret, clock, 1))


def test_no_token_serves_for_what_another_is_for(base: Base, mara: AgentRow, clock: HandClock) -> None:
    plain, invitation, open_session = link(base, mara), link(base, mara, "invitation"), session(base)
    secret = turn_on(base, mara, clock)
    tokens = (ticket(base), plain, invitation, open_session, "oft_1_" + "x" * 43, "", "\ud800")
    ways: list[Callable[[UnitOfWork, str], object]] = [
        lambda unit, token: signing_in.second_factor(unit, token, code_of(secret, clock), "test"),
        lambda unit, token: signing_in.use_link(unit, token, "test"),
        lambda unit, token: signing_in.accept_invitation(unit, token, PASSWORD, "test"),
    ]
    for n, way in enumerate(ways):
        for token in tokens[:n] + tokens[n + 1 :]:
            with pytest.raises(NotSignedIn):
                do(base, lambda unit: way(unit, token))  # noqa: B023
    for token in tokens[:3]:
        assert not is_open(base, token)


@pytest.mark.parametrize("valid", [timedelta(0), timedelta(seconds=-1), timedelta(days=31)])
def test_a_link_is_not_valid_for_ever_nor_for_nothing(base: Base, mara: AgentRow, valid: timedelta) -> None:
    assert code_refused(lambda: link(base, mara, valid=valid), InvalidValue) == "invalid_duration"


def test_an_inactive_agent_gets_no_link(base: Base, mara: AgentRow) -> None:
    do(base, lambda unit: accounts.change_agent(unit, mara.id, {"active": False}, COMMAND))
    assert code_refused(lambda: link(base, mara), Conflict) == "agent_inactive"


def test_an_invitation_sets_the_password_and_ends_what_was_before(base: Base, mara: AgentRow) -> None:
    before, plain, token = session(base), link(base, mara), link(base, mara, "invitation")
    for password in ("short", "x" * 501):
        with pytest.raises(InvalidValue, match="12 to 500"):
            do(base, lambda unit, p=password: signing_in.accept_invitation(unit, token, p, "test"))  # type: ignore[misc]
    entered = do(base, lambda unit: signing_in.accept_invitation(unit, token, "a new long password", "test"))
    assert isinstance(entered, SignedIn)
    assert is_open(base, entered.token)
    assert not is_open(base, before)
    for gone in (
        lambda unit: signing_in.accept_invitation(unit, token, PASSWORD, "test"),
        lambda unit: signing_in.use_link(unit, plain, "test"),
    ):
        assert code_refused(lambda g=gone: do(base, g)) == "link_not_valid"  # type: ignore[misc]
    assert isinstance(enter(base, password="a new long password"), SignedIn)
    with pytest.raises(NotSignedIn):
        enter(base)


def test_expired_tokens_are_forgotten_and_the_others_kept(base: Base, mara: AgentRow, clock: HandClock) -> None:
    clock.move(hours=-2)
    link(base, mara)
    clock.move(hours=2)
    token = link(base, mara, "invitation")
    forget_old(base.database)
    stored = rows(base, "SELECT token_hash FROM sign_in_tokens")
    assert [row.token_hash for row in stored] == [accounts.token_hash(token)]


@pytest.mark.parametrize(
    "token", ["", "ofk_1_" + "x" * 43, "oft_1_short", "oft_x_" + "x" * 43, "oft_1_" + "x" * 43 + "\n"]
)
def test_what_is_no_token_of_signing_in_has_no_organization(token: str) -> None:
    with pytest.raises(NotSignedIn):
        signing_in.organization_of_token(token)


# By single sign-on


def test_a_provider_signs_in_whoever_is_linked_by_subject_and_asks_for_no_second_factor(
    base: Base, mara: AgentRow, clock: HandClock
) -> None:
    turn_on(base, mara, clock)
    for unknown in (GOOGLE, Identity(GOOGLE.issuer, "mara@kite.example")):
        way = lambda unit, i=unknown: signing_in.sign_in_by_provider(unit, i, "test")  # noqa: E731
        assert code_refused(lambda w=way: do(base, w)) == "provider_unknown"  # type: ignore[misc]
    do(base, lambda unit: signing_in.link_provider(unit, mara.id, GOOGLE, COMMAND))
    assert is_open(base, do(base, lambda unit: signing_in.sign_in_by_provider(unit, GOOGLE, "test")).token)
    other = Identity("https://other.example", GOOGLE.subject)
    assert code_refused(lambda: do(base, lambda unit: signing_in.sign_in_by_provider(unit, other, "test"))) == (
        "provider_unknown"
    )
    do(base, lambda unit: signing_in.unlink_provider(unit, mara.id, COMMAND))
    assert code_refused(lambda: do(base, lambda unit: signing_in.sign_in_by_provider(unit, GOOGLE, "test"))) == (
        "provider_unknown"
    )


def test_an_account_at_a_provider_is_one_agents_and_an_agent_has_one(base: Base, mara: AgentRow) -> None:
    theo = do(base, lambda unit: accounts.add_agent(unit, "theo@kite.example", "Theo", "agent", COMMAND))

    def linked(agent: AgentRow, identity: Identity) -> None:
        do(base, lambda unit: signing_in.link_provider(unit, agent.id, identity, COMMAND))

    linked(mara, GOOGLE)
    linked(mara, GOOGLE)
    assert audited(base) == ["agent.provider_linked"]
    assert code_refused(lambda: linked(theo, GOOGLE), Conflict) == "provider_account_taken"
    assert code_refused(lambda: linked(mara, Identity(GOOGLE.issuer, "2")), Conflict) == "provider_present"


# Out again, and the log


def test_signing_out_everywhere_ends_all_but_the_session_kept(base: Base, mara: AgentRow) -> None:
    own, other, handed_out = session(base), session(base), link(base, mara)
    do(base, lambda unit: signing_in.sign_out_everywhere(unit, mara.id, own, COMMAND))
    assert (is_open(base, own), is_open(base, other)) == (True, False)
    assert (
        code_refused(lambda: do(base, lambda unit: signing_in.use_link(unit, handed_out, "test"))) == "link_not_valid"
    )
    do(base, lambda unit: signing_in.sign_out_everywhere(unit, mara.id, None, COMMAND))
    assert not is_open(base, own)


def test_the_audit_log_says_who_changed_how_somebody_signs_in_and_no_more__MRG_14(
    base: Base, mara: AgentRow, clock: HandClock
) -> None:
    admin = Actor(new_id(), None, "console 203.0.113.7")
    turn_on(base, mara, clock)
    do(base, lambda unit: signing_in.turn_off_second_factor(unit, mara.id, admin))
    do(base, lambda unit: signing_in.turn_off_second_factor(unit, mara.id, admin))  # nothing to turn off
    tokens = link(base, mara), link(base, mara, "invitation")
    do(base, lambda unit: signing_in.link_provider(unit, mara.id, GOOGLE, admin))
    do(base, lambda unit: signing_in.unlink_provider(unit, mara.id, admin))
    do(base, lambda unit: signing_in.sign_out_everywhere(unit, mara.id, None, admin))
    assert audited(base) == [
        "agent.second_factor_on",
        "agent.second_factor_off",
        "agent.link_made",
        "agent.invited",
        "agent.provider_linked",
        "agent.provider_unlinked",
        "agent.signed_out_everywhere",
    ]
    with base.database.read(base.organization_id) as unit:
        entries = audit.page(unit)
    assert {entry.details["agent_id"] for entry in entries} == {mara.id}
    assert entries[0].actor == admin
    assert not any(secret in str(entries) for secret in (*tokens, GOOGLE.subject, "mara@"))


def test_no_token_is_stored_as_it_is(base: Base, mara: AgentRow, clock: HandClock) -> None:
    made = session(base), link(base, mara)
    turn_on(base, mara, clock)
    stored = str(rows(base, "SELECT * FROM sign_in_tokens")) + str(rows(base, "SELECT * FROM sessions"))
    assert not any(token.split("_", 2)[2] in stored for token in (*made, ticket(base)))


# At the same instant


def enter_codes(url: str, organization_id: int, tries: list[tuple[str, str]], now: datetime) -> list[str]:
    """In a process of its own, where it is this late: how each ticket and code ended."""
    signing_in.utc_now = lambda: now  # type: ignore[attr-defined]
    return _ended(url, organization_id, [lambda unit, t=t: signing_in.second_factor(unit, *t, "test") for t in tries])  # type: ignore[misc]


def use_links(url: str, organization_id: int, tokens: list[str]) -> list[str]:
    """In a process of its own: how each link ended."""
    return _ended(url, organization_id, [lambda unit, t=t: signing_in.use_link(unit, t, "test") for t in tokens])  # type: ignore[misc]


def _ended(url: str, organization_id: int, works: list[Callable[[UnitOfWork], object]]) -> list[str]:
    ended = []
    with opened(url) as database:
        for work in works:
            try:
                ended.append(type(run_in_transaction(database, organization_id, work)).__name__)
            except NotSignedIn as refusal:
                ended.append(refusal.code)
    return ended


def agents(base: Base, number: int) -> list[AgentRow]:
    emails = [f"agent{n}@kite.example" for n in range(number)]
    return [do(base, lambda unit, e=email: accounts.add_agent(unit, e, "A", "agent", COMMAND)) for email in emails]  # type: ignore[misc]


def test_a_new_password_also_ends_a_session_that_is_just_beginning(base: Base, mara: AgentRow) -> None:
    """Whoever knows the old one and is quick must not stay."""
    change = threading.Thread(
        target=lambda: do(base, lambda unit: accounts.set_password(unit, mara.id, "another long password", COMMAND))
    )
    with base.database.write(base.organization_id) as unit:
        entered = signing_in.sign_in(unit, "mara@kite.example", PASSWORD, "test")
        change.start()
        change.join(2)  # as far as it gets before this one is committed
    change.join()
    assert isinstance(entered, SignedIn)
    assert not is_open(base, entered.token)


def test_the_same_code_in_two_processes_at_once_is_taken_once(base: Base, clock: HandClock) -> None:
    """Each has a ticket of its own, as somebody who looked over the agent's shoulder would."""
    tries: list[list[tuple[str, str]]] = [[], []]
    for agent in agents(base, 6):
        secret = turn_on(base, agent, clock)
        for own in tries:
            token = link(base, agent)
            entered = do(base, lambda unit, t=token: signing_in.use_link(unit, t, "test"))  # type: ignore[misc]
            assert isinstance(entered, SecondFactorNeeded)
            own.append((entered.ticket, code_of(secret, clock)))
    ended = at_once([Job(enter_codes, (base.url, base.organization_id, own, clock())) for own in tries])
    assert [sorted(pair) for pair in zip(*ended, strict=True)] == [["SignedIn", "wrong_code"]] * 6


def test_the_same_link_in_two_processes_at_once_signs_in_once(base: Base) -> None:
    tokens = [link(base, agent) for agent in agents(base, 6)]
    ended = at_once([Job(use_links, (base.url, base.organization_id, tokens)) for _ in range(2)])
    assert [sorted(pair) for pair in zip(*ended, strict=True)] == [["SignedIn", "link_not_valid"]] * 6
    assert rows(base, "SELECT count(*) FROM sessions")[0][0] == 6
