"""Passkeys: made by an agent who has proven who they are, and used without a password or a code (ASVS V6)."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from onefold.accounts import passkey_store, passkeys, throttle
from onefold.accounts import service as accounts
from onefold.accounts.passkeys import MOST_PASSKEYS, Site, site_of
from onefold.accounts.signing_in import SignedIn, Visit
from onefold.accounts.store import read_agent
from onefold.core.errors import Conflict, DomainError, InvalidValue, NotFound, NotSignedIn, TooMany
from tests.conftest import Base
from tests.dsl.authenticator import Authenticator
from tests.dsl.words import COMMAND, agent, do, rows

SITE = Site("desk.example", "https://desk.example")
VISIT = Visit("203.0.113.7", "console 203.0.113.7")


def make(base: Base, agent_id: str, device: Authenticator, **changed: Any) -> str:
    """A passkey of the agent's on a device; returns its id."""
    ceremony = do(base, lambda unit: passkeys.ask_to_make(unit, read_agent(unit, agent_id), SITE))
    credential = device.make(ceremony.options, changed.pop("origin", SITE.origin), **changed)
    return do(
        base,
        lambda unit: passkeys.add(
            unit, agent_id, credential, name="Laptop", site=SITE, challenge=ceremony.asked.challenge, actor=COMMAND
        ),
    ).id


def sign_in(base: Base, device: Authenticator, **changed: Any) -> SignedIn:
    ceremony = passkeys.ask_to_sign_in(SITE)
    credential = device.use(ceremony.options, changed.pop("origin", SITE.origin), **changed)
    organization_id = passkeys.organization_of(credential)
    return passkeys.sign_in_apart(base.database, organization_id, credential, SITE, ceremony.asked, VISIT)


def who(base: Base, signed_in: SignedIn) -> str:
    return str(accounts.authenticate(base.database, signed_in.token).agent_id)


def refusal(work: Any) -> str | None:
    with pytest.raises(DomainError) as refused:
        work()
    return refused.value.code


def test_a_passkey_signs_its_agent_in_and_asks_for_nothing_else(base: Base) -> None:
    ivo, mara = agent(base, "Ivo"), agent(base, "Mara")
    of_ivo, of_mara = Authenticator(), Authenticator()
    make(base, ivo, of_ivo)
    make(base, mara, of_mara)
    assert [who(base, sign_in(base, device)) for device in (of_ivo, of_mara, of_ivo)] == [ivo, mara, ivo]
    (row,) = do(base, lambda unit: passkey_store.of_agent(unit, ivo))
    assert (row.name, row.sign_count, row.last_used_at is not None) == ("Laptop", 2, True)
    entries = [
        json.loads(d) if isinstance(d, str) else d for (d,) in rows(base, "SELECT details FROM audit ORDER BY seq")
    ]
    assert {"agent_id": ivo, "way": "passkey"} in entries


@pytest.mark.parametrize(
    "changed",
    [
        {"origin": "https://desk.example.evil.example"},
        {"origin": "http://desk.example"},
        {"host": "evil.example"},
        {"challenge": "AAAA"},
        {"flags": 0},
        {"key": ec.generate_private_key(ec.SECP256R1())},
    ],
    ids=["another origin", "not https", "another host", "another challenge", "nobody was verified", "another key"],
)
def test_what_was_signed_for_something_else_signs_nobody_in(base: Base, changed: dict[str, Any]) -> None:
    device = Authenticator()
    make(base, agent(base, "Ivo"), device)
    assert refusal(lambda: sign_in(base, device, **changed)) == "passkey_unknown"
    assert who(base, sign_in(base, device))


def test_an_answer_serves_once_also_where_the_device_counts_no_uses(base: Base) -> None:
    device = Authenticator()
    make(base, agent(base, "Ivo"), device)
    first, second = passkeys.ask_to_sign_in(SITE), passkeys.ask_to_sign_in(SITE)
    answers = [(device.use(one.options, SITE.origin, uses=0), one.asked) for one in (first, second)]

    def again(number: int) -> SignedIn:
        credential, asked = answers[number]
        return passkeys.sign_in_apart(base.database, base.organization_id, credential, SITE, asked, VISIT)

    assert again(1)
    for number in (1, 0):  # the same once more; one that was asked for before it
        assert refusal(lambda number=number: again(number)) == "passkey_unknown"
    assert sign_in(base, device, uses=0)


def test_a_count_that_goes_back_is_a_copy_of_the_key(base: Base) -> None:
    device = Authenticator()
    make(base, agent(base, "Ivo"), device)
    sign_in(base, device, uses=7)
    assert refusal(lambda: sign_in(base, device, uses=7)) == "passkey_unknown"
    assert sign_in(base, device, uses=8)


@pytest.mark.parametrize(
    "changed",
    [{"origin": "https://evil.example"}, {"host": "evil.example"}, {"challenge": "AAAA"}, {"flags": 0}],
    ids=["another origin", "another host", "another challenge", "nobody was verified"],
)
def test_what_was_made_for_something_else_is_no_passkey(base: Base, changed: dict[str, Any]) -> None:
    ivo = agent(base, "Ivo")
    assert refusal(lambda: make(base, ivo, Authenticator(), **changed)) == "passkey_not_valid"
    assert do(base, lambda unit: passkey_store.of_agent(unit, ivo)) == []


def test_a_passkey_is_one_agents(base: Base) -> None:
    device = Authenticator()
    ivo, mara = agent(base, "Ivo"), agent(base, "Mara")
    make(base, ivo, device)
    assert refusal(lambda: make(base, mara, device)) == "passkey_present"
    assert who(base, sign_in(base, device, user_handle=f"{base.organization_id}:{mara}".encode())) == ivo


def test_an_agent_has_so_many_at_most(base: Base) -> None:
    ivo = agent(base, "Ivo")
    for _ in range(MOST_PASSKEYS):
        make(base, ivo, Authenticator())
    with pytest.raises(Conflict, match="at most 20"):
        make(base, ivo, Authenticator())


def test_a_passkey_that_was_removed_signs_nobody_in(base: Base) -> None:
    device, ivo, mara = Authenticator(), agent(base, "Ivo"), agent(base, "Mara")
    passkey_id = make(base, ivo, device)
    with pytest.raises(NotFound):
        do(base, lambda unit: passkeys.remove(unit, mara, passkey_id, COMMAND))
    do(base, lambda unit: passkeys.remove(unit, ivo, passkey_id, COMMAND))
    assert refusal(lambda: sign_in(base, device)) == "passkey_unknown"


def test_who_is_no_longer_active_is_not_let_in(base: Base) -> None:
    device, ivo = Authenticator(), agent(base, "Ivo")
    make(base, ivo, device)
    do(base, lambda unit: accounts.change_agent(unit, ivo, {"active": False}, COMMAND))
    assert refusal(lambda: sign_in(base, device)) == "passkey_unknown"


def test_a_reset_ends_passkeys(base: Base) -> None:
    """Whoever has taken over the account may have made them."""
    device, ivo = Authenticator(), agent(base, "Ivo")
    make(base, ivo, device)
    do(base, lambda unit: accounts.reset_password(unit, ivo, "correct horse battery", COMMAND))
    assert refusal(lambda: sign_in(base, device)) == "passkey_unknown"
    actions = [action for (action,) in rows(base, "SELECT action FROM audit ORDER BY seq")]
    assert actions[-3:] == ["agent.passkey_removed", "agent.password_set", "session.refused"]


def test_tries_of_one_network_are_limited(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "MOST_BY_NETWORK", 3)
    device = Authenticator()
    make(base, agent(base, "Ivo"), device)
    for _ in range(3):
        assert refusal(lambda: sign_in(base, device, challenge="AAAA")) == "passkey_unknown"
    with pytest.raises(TooMany):
        sign_in(base, device)


@pytest.mark.parametrize(
    ("address", "takes"),
    [
        ("https://desk.example/x", True),
        ("http://localhost:8025", True),
        ("http://127.0.0.1:8025", False),
        ("http://[::1]:8025", False),
    ],
)
def test_browsers_make_passkeys_for_names_alone(address: str, takes: bool) -> None:
    assert site_of(address).takes_passkeys is takes


NAMES = st.sampled_from(["id", "rawId", "type", "response", "userHandle", "clientDataJSON", "attestationObject"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner),
)
FRAME = {"id": "x", "rawId": "x", "type": "public-key"}
LONG = ("[" * 9_000, "1" * 20_000, "{")


@given(JSON)
def test_whatever_is_sent_to_sign_in_is_refused_in_words(sent: Any) -> None:
    for text in (
        json.dumps(sent),
        json.dumps({"id": "x", "rawId": "x", "type": "public-key", "response": sent}),
        *LONG,
    ):
        with suppress(NotSignedIn):
            passkeys.organization_of(text)


@given(JSON)
def test_whatever_is_sent_as_a_new_passkey_is_refused_in_words(sent: Any) -> None:
    for text in (
        json.dumps(sent),
        json.dumps({"id": "x", "rawId": "x", "type": "public-key", "response": sent}),
        *LONG,
    ):
        with pytest.raises(InvalidValue):
            passkeys.add(None, "x", text, name="x", site=SITE, challenge="AAAA", actor=COMMAND)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("address", "host", "origin"),
    [
        ("https://Desk.Example:443", "desk.example", "https://desk.example"),
        ("https://desk.example:8443/x", "desk.example", "https://desk.example:8443"),
        ("http://localhost:80", "localhost", "http://localhost"),
        ("https://bücher.example", "xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("http://[::1]:8025", "::1", "http://[::1]:8025"),
    ],
)
def test_the_site_is_spelled_as_browsers_spell_it(address: str, host: str, origin: str) -> None:
    assert site_of(address) == Site(host, origin)


@pytest.mark.parametrize("name", ["a\u0000b", "", "x" * 5_000, "ä"])
def test_what_can_be_no_credential_is_an_unknown_one(base: Base, name: str) -> None:
    ceremony = passkeys.ask_to_sign_in(SITE)
    credential = json.dumps({"id": name, "rawId": name, "type": "public-key", "response": {}})
    with pytest.raises(NotSignedIn):
        passkeys.sign_in_apart(base.database, base.organization_id, credential, SITE, ceremony.asked, VISIT)
