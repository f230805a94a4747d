"""Agents, sessions and API keys: who may ask, and who may no longer."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from onefold.accounts import service as accounts
from onefold.accounts import signing_in, store
from onefold.accounts.signing_in import SignedIn
from onefold.conversations import service as conversations
from onefold.conversations.service import Written
from onefold.core.clock import utc_now
from onefold.core.errors import Conflict, InvalidValue, NotSignedIn
from onefold.profiles import service as profiles
from onefold.profiles.service import PointInput
from tests.conftest import Base
from tests.dsl.words import COMMAND, do, rows


def agent(base: Base, password: str | None = "correct horse battery"):  # type: ignore[no-untyped-def]
    return do(base, lambda unit: accounts.add_agent(unit, "Mara@Kite.example", "Mara", "lead", COMMAND, password))


def session(base: Base) -> str:
    """Mara signs in; the session's token."""
    entered = do(base, lambda unit: signing_in.sign_in(unit, "mara@kite.example", "correct horse battery", "test"))
    assert isinstance(entered, SignedIn)
    return entered.token


def test_a_key_is_stored_hashed_and_opens_its_organization(base: Base) -> None:
    key, token = do(base, lambda unit: accounts.create_key(unit, "gateway", ["contacts:write"], COMMAND))
    principal = accounts.authenticate(base.database, token)
    assert (principal.organization_id, principal.scopes, principal.key_id) == (
        base.organization_id,
        {"contacts:write"},
        key.id,
    )
    stored = str(rows(base, "SELECT * FROM api_keys"))
    assert token not in stored
    assert token.split("_", 2)[2] not in stored  # the secret itself may hold underscores


def test_what_each_role_may_that_the_one_below_may_not__MRG_13_MRG_14() -> None:
    """A merge is undone and the audit log read by leads and admins; a customer is exported and erased by admins."""
    agent_may, lead_may, admin_may = (accounts.ROLE_SCOPES[role] for role in ("agent", "lead", "admin"))
    assert agent_may < lead_may < admin_may == set(accounts.SCOPES)
    assert lead_may - agent_may == {"merges:undo", "audit:read"}
    assert admin_may - lead_may == {"contacts:write", "profiles:erase", "profiles:export", "settings:write"}


def test_revoked_and_expired_keys_open_nothing(base: Base) -> None:
    key, token = do(base, lambda unit: accounts.create_key(unit, "a", ["profiles:read"], COMMAND))
    do(base, lambda unit: accounts.revoke_key(unit, key.id, COMMAND))
    past = utc_now() - timedelta(seconds=1)
    _, expired = do(base, lambda unit: accounts.create_key(unit, "b", ["profiles:read"], COMMAND, expires_at=past))
    for refused in (token, expired, token[:-1] + "x", "ofk_99_" + "x" * 43, "nonsense", ""):
        with pytest.raises(NotSignedIn):
            accounts.authenticate(base.database, refused)


def test_an_inactive_agent_is_signed_out_everywhere(base: Base) -> None:
    made = agent(base)
    tokens = [session(base) for _ in range(2)]
    do(base, lambda unit: accounts.change_agent(unit, made.id, {"active": False}, COMMAND))
    for token in tokens:
        with pytest.raises(NotSignedIn):
            accounts.authenticate(base.database, token)


def test_the_last_active_admin_is_neither_demoted_nor_deactivated(base: Base) -> None:
    """Else nobody could change the settings any more, nor make an admin of anybody."""

    def admin(name: str) -> str:
        return do(base, lambda unit: accounts.add_agent(unit, f"{name}@kite.example", name, "admin", COMMAND).id)

    def change(agent_id: str, **changes: object) -> None:
        do(base, lambda unit: accounts.change_agent(unit, agent_id, changes, COMMAND))

    last, away = admin("iris"), admin("away")
    change(away, active=False)
    for changes in ({"role": "lead"}, {"active": False}, {"role": "agent", "name": "Iris N."}):
        with pytest.raises(Conflict) as refusal:
            change(last, **changes)
        assert refusal.value.code == "last_admin"
    change(last, name="Iris N.", role="admin", active=True)
    change(agent(base).id, role="agent", active=False)
    change(away, active=True)
    change(last, role="agent")
    with base.database.read(base.organization_id) as unit:
        assert store.active_admins(unit) == [away]


def test_two_admins_who_demote_each_other_at_once_leave_one(base: Base) -> None:
    made = [
        do(base, lambda unit, n=n: accounts.add_agent(unit, f"{n}@kite.example", n, "admin", COMMAND).id) for n in "ab"
    ]  # type: ignore[misc]
    start, refused = threading.Barrier(2), []

    def demote(agent_id: str) -> None:
        start.wait(10)
        try:
            do(base, lambda unit: accounts.change_agent(unit, agent_id, {"role": "agent"}, COMMAND))
        except Conflict as refusal:
            refused.append(refusal.code)

    for tried in range(1, 9):
        threads = [threading.Thread(target=demote, args=(agent_id,)) for agent_id in made]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        with base.database.read(base.organization_id) as unit:
            assert len(store.active_admins(unit)) == 1
        assert refused == ["last_admin"] * tried
        for agent_id in made:
            do(base, lambda unit, one=agent_id: accounts.change_agent(unit, one, {"role": "admin"}, COMMAND))  # type: ignore[misc]


def test_a_new_password_ends_every_session(base: Base) -> None:
    made = agent(base)
    token = session(base)
    do(base, lambda unit: accounts.set_password(unit, made.id, "another long password", COMMAND))
    with pytest.raises(NotSignedIn):
        accounts.authenticate(base.database, token)
    with pytest.raises(InvalidValue, match="12 to 500"):
        do(base, lambda unit: accounts.set_password(unit, made.id, "short", COMMAND))


def test_what_is_named_twice_is_refused(base: Base) -> None:
    agent(base)
    with pytest.raises(Conflict):
        agent(base)
    do(base, lambda unit: accounts.add_inbox(unit, "VIP", COMMAND), exclusive=True)
    with pytest.raises(Conflict):
        do(base, lambda unit: accounts.add_inbox(unit, " VIP ", COMMAND), exclusive=True)


def test_who_adds_and_first_contacts_a_customer_uses_the_inbox_last_assigned_to__PRO_9(base: Base) -> None:
    made = agent(base)
    first, last = (
        do(base, lambda unit, n=n: accounts.add_inbox(unit, n, COMMAND), exclusive=True)[0] for n in ("A", "B")
    )  # type: ignore[misc]
    for inbox_id in (last, first, last):
        do(base, lambda unit, i=inbox_id: store.assign_to_inbox(unit, i, made.id))  # type: ignore[misc]
    point = PointInput("email", "ada@example.com")
    profile = do(base, lambda unit: profiles.create(unit, name="Ada", points=[point], agent_id=made.id))
    do(base, lambda unit: conversations.write(unit, profile.id, Written("Hello"), made.id))
    with base.database.read(base.organization_id) as unit:
        assert conversations.of_profile(unit, profile.id, None, 5)[0].inbox_id == last
