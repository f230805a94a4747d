"""Agents, their inboxes and sign-in sessions; API keys for machines."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Literal, NamedTuple, get_args

from pwdlib import PasswordHash

from onefold.domain.emails import parse_email
from onefold.domain.errors import InvalidValue, NotSignedIn
from onefold.domain.text import clean_name
from onefold.services.clock import new_id, utc_now
from onefold.storage import accounts as store
from onefold.storage.accounts import AgentRow, KeyRow
from onefold.storage.database import Database, Unit
from onefold.storage.organizations import change_settings

Role = Literal["agent", "lead", "admin"]
Scope = Literal[
    "contacts:write", "profiles:read", "profiles:write", "profiles:export", "profiles:erase", "merges:undo",
    "audit:read", "settings:read", "settings:write",
]  # fmt: skip
SCOPES: tuple[Scope, ...] = get_args(Scope)
ROLE_SCOPES: dict[str, frozenset[str]] = {
    "agent": frozenset(("profiles:read", "profiles:write", "settings:read")),
    "lead": frozenset(("profiles:read", "profiles:write", "merges:undo", "audit:read", "settings:read")),
    "admin": frozenset(SCOPES),
}
SESSION_LENGTH = timedelta(hours=12)

_passwords = PasswordHash.recommended()
_TOKEN = re.compile(r"(ofk|ofs)_([0-9]{1,18})_([A-Za-z0-9_-]{43})\Z", re.ASCII)


class Principal(NamedTuple):
    """Who is asking: an API key or a signed-in agent, of one organization."""

    organization_id: int
    scopes: frozenset[str]
    key_id: str | None
    agent_id: str | None
    expires_at: datetime | None


def _hashed(token: str) -> str:
    # The secret is 256 random bits: a plain hash cannot be turned round, and is quick enough for every request.
    return hashlib.sha256(token.encode()).hexdigest()


def create_key(unit: Unit, name: str, scopes: Iterable[str], expires_at: datetime | None = None) -> tuple[KeyRow, str]:
    """A new API key and its token, which is shown this once."""
    wanted = sorted(set(scopes))
    if not wanted or not set(wanted) <= set(SCOPES):
        raise InvalidValue(f"scopes are some of {', '.join(SCOPES)}.", code="unknown_scope", field="scopes")
    token = f"ofk_{unit.organization_id}_{secrets.token_urlsafe(32)}"
    key = KeyRow(new_id(), _required(name), wanted, utc_now(), expires_at, None, None)
    store.add_key(unit, key, _hashed(token))
    return key, token


def revoke_key(unit: Unit, key_id: str) -> None:
    """Ends a key; it stays listed."""
    store.change_key(unit, key_id, revoked_at=utc_now())


def authenticate(database: Database, token: str) -> Principal:
    """Who a bearer token belongs to; raises NotSignedIn."""
    match = _TOKEN.match(token)
    if match is None:
        raise NotSignedIn("The credential is not one of Onefold's.")
    organization_id = int(match[2])
    with database.read(organization_id) as unit:
        found = _key_principal(unit, token) if match[1] == "ofk" else _session_principal(unit, token)
    if found is None:
        raise NotSignedIn("The credential is unknown, expired or revoked.")
    return found


def _key_principal(unit: Unit, token: str) -> Principal | None:
    key = store.key_by_secret(unit, _hashed(token))
    if key is None or key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= utc_now()):
        return None
    return Principal(unit.organization_id, frozenset(key.scopes), key.id, None, key.expires_at)


def _session_principal(unit: Unit, token: str) -> Principal | None:
    agent = store.session_agent(unit, _hashed(token), utc_now())
    if agent is None:
        return None
    return Principal(unit.organization_id, ROLE_SCOPES[agent.role], None, agent.id, None)


def note_use(unit: Unit, key_id: str, when: datetime) -> None:
    """Records when a key was last used."""
    store.change_key(unit, key_id, last_used_at=when)


def add_agent(unit: Unit, email: str, name: str, role: Role, password: str | None = None) -> AgentRow:
    """A new agent; without a password, one who cannot sign in yet."""
    agent = AgentRow(
        new_id(), parse_email(email), _required(name), role, True, None, None if password is None else _hash(password)
    )
    store.add_agent(unit, agent, utc_now())
    return agent


def set_password(unit: Unit, agent_id: str, password: str) -> None:
    """Sets a password and ends the agent's sessions."""
    store.change_agent(unit, agent_id, password_hash=_hash(password))
    store.end_sessions(unit, agent_id=agent_id)


def _hash(password: str) -> str:
    if not 10 <= len(password) <= 500:
        raise InvalidValue("A password has 10 to 500 characters.", code="password_length", field="password")
    return _passwords.hash(password)


@cache
def _nobodys_hash() -> str:
    """What an unknown address is checked against, so that an answer's time does not tell who has an account."""
    return _passwords.hash(secrets.token_urlsafe())


def sign_in(unit: Unit, email: str, password: str) -> str:
    """A session's token; raises NotSignedIn without saying which of the two was wrong."""
    agent = store.agent_by_email(unit, parse_email(email))
    known = agent is not None and agent.active and agent.password_hash is not None
    right = _passwords.verify(password, (agent and agent.password_hash) or _nobodys_hash())
    if agent is None or not (known and right):
        raise NotSignedIn("The email or the password is wrong.", code="wrong_password")
    token, now = f"ofs_{unit.organization_id}_{secrets.token_urlsafe(32)}", utc_now()
    store.add_session(unit, _hashed(token), agent.id, now, now + SESSION_LENGTH)
    return token


def sign_out(unit: Unit, token: str) -> None:
    """Ends one session."""
    store.end_sessions(unit, token_hash=_hashed(token))


def change_agent(unit: Unit, agent_id: str, changes: Mapping[str, object]) -> None:
    """Changes an agent's name, role or activity; whoever becomes inactive is signed out everywhere, at once."""
    values = dict(changes)
    if "name" in values:
        values["name"] = _required(str(values["name"]))
    if values:
        store.change_agent(unit, agent_id, **values)
    if values.get("active") is False:
        store.end_sessions(unit, agent_id=agent_id)


def add_inbox(unit: Unit, name: str) -> tuple[str, str]:
    """A new inbox: its id and name."""
    inbox_id, cleaned = new_id(), _required(name)
    store.add_inbox(unit, inbox_id, cleaned, utc_now())
    change_settings(unit)  # processes that hold the settings learn that contacts may name it
    return inbox_id, cleaned


def rename_inbox(unit: Unit, inbox_id: str, name: str) -> None:
    """Renames an inbox."""
    store.rename_inbox(unit, inbox_id, _required(name))


def _required(name: str) -> str:
    cleaned = clean_name(name)
    if cleaned is None:
        raise InvalidValue("name is empty.", code="empty_value", field="name")
    return cleaned
