"""Agents, their inboxes and passwords; API keys for machines; who a token belongs to. See also `signing_in.py`."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Literal, NamedTuple, get_args

from onefold.accounts import passkey_store, session_store, sessions, store
from onefold.accounts import sign_in_store as sign_ins
from onefold.accounts.passwords import check_password, hash_password
from onefold.accounts.session_store import SessionRow
from onefold.accounts.store import AgentRow, KeyRow
from onefold.audit import service as audit
from onefold.contact_points.emails import parse_email
from onefold.core.actor import Actor, Merger
from onefold.core.clock import new_id, utc_now
from onefold.core.errors import Conflict, InvalidValue, NotAllowed, NotFound, NotSignedIn
from onefold.core.text import clean_name
from onefold.database.engine import Database, UnitOfWork
from onefold.organizations.store import change_settings, settings_row

Role = Literal["agent", "lead", "admin"]
Scope = Literal[
    "contacts:write",
    "profiles:read",
    "profiles:write",
    "profiles:export",
    "profiles:erase",
    "merges:undo",
    "audit:read",
    "settings:read",
    "settings:write",
]
SCOPES: tuple[Scope, ...] = get_args(Scope)
ROLE_SCOPES: dict[str, frozenset[str]] = {
    "agent": frozenset(("profiles:read", "profiles:write", "settings:read")),
    "lead": frozenset(("profiles:read", "profiles:write", "merges:undo", "audit:read", "settings:read")),
    "admin": frozenset(SCOPES),
}
TokenKind = Literal["ofk", "ofs", "oft"]
"""An API key, a sign-in session, a one-time token (a link, an invitation, a ticket for the second factor)."""

_TOKEN = re.compile(r"(ofk|ofs|oft)_([0-9]{1,18})_[A-Za-z0-9_-]{43}\Z", re.ASCII)


class Principal(NamedTuple):
    """Who is asking: an API key, or a signed-in `agent` by a `session`, of one organization."""

    organization_id: int
    scopes: frozenset[str]
    key_id: str | None
    agent_id: str | None
    expires_at: datetime | None
    session: SessionRow | None = None
    agent: AgentRow | None = None

    def may_go_on_as(self, before: Principal) -> bool:
        """Whether this is who was asking before, and may do no less and no more."""
        changing = {"session": None, "agent": None}
        return self._replace(**changing) == before._replace(**changing)  # type: ignore[arg-type]


def new_token(kind: TokenKind, organization_id: int) -> str:
    """A token of 256 random bits that says whose it is; only its `hashed` is to be stored."""
    return f"{kind}_{organization_id}_{secrets.token_urlsafe(32)}"


def token_parts(token: str) -> tuple[str, int]:
    """(kind, organization) of a token, whether or not it is good for anything; raises NotSignedIn."""
    match = _TOKEN.match(token)
    if match is None:
        raise NotSignedIn("The credential is not one of Onefold's.")
    return match[1], int(match[2])


def token_hash(token: str) -> str:
    """What is stored of a token."""
    # The secret is 256 random bits: a plain hash cannot be turned round, and is quick enough for every request.
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def create_key(
    unit: UnitOfWork,
    name: str,
    scopes: Iterable[str],
    actor: Actor,
    *,
    within: Collection[str] = SCOPES,
    expires_at: datetime | None = None,
) -> tuple[KeyRow, str]:
    """A new API key and its token, which is shown this once. `within` are the scopes of whoever makes it: no key is
    wider. Raises InvalidValue `unknown_scope`, NotAllowed `scope_beyond_own`."""
    unique_scopes = sorted(set(scopes))
    if not unique_scopes or not set(unique_scopes) <= set(SCOPES):
        raise InvalidValue(f"scopes are some of {', '.join(SCOPES)}.", code="unknown_scope", field="scopes")
    if beyond := sorted(set(unique_scopes) - set(within)):
        raise NotAllowed(f"You have no {', '.join(beyond)} to give to a key.", code="scope_beyond_own")
    token = new_token("ofk", unit.organization_id)
    key = KeyRow(
        new_id(),
        _require(name),
        unique_scopes,
        created_at=utc_now(),
        expires_at=expires_at,
        last_used_at=None,
        revoked_at=None,
    )
    store.add_key(unit, key, token_hash(token))
    until = None if expires_at is None else expires_at.isoformat()
    details = {"key_id": key.id, "name": key.name, "scopes": unique_scopes, "expires_at": until}
    audit.record(unit, actor, "key.made", details=details)
    return key, token


def revoke_key(unit: UnitOfWork, key_id: str, actor: Actor) -> None:
    """Ends a key; it stays listed. Raises NotFound."""
    store.change_key(unit, key_id, revoked_at=utc_now())
    name = next(key.name for key in store.list_keys(unit) if key.id == key_id)
    audit.record(unit, actor, "key.revoked", details={"key_id": key_id, "name": name})


def authenticate(database: Database, token: str) -> Principal:
    """Who a bearer token belongs to; raises NotSignedIn."""
    kind, organization_id = token_parts(token)
    principal_of = {"ofk": _key_principal, "ofs": _session_principal}.get(kind)
    if principal_of is not None:
        with database.read(organization_id) as unit:
            principal = principal_of(unit, token)
        if principal is not None:
            return principal
    raise NotSignedIn("The credential is unknown, expired or revoked.")


def _key_principal(unit: UnitOfWork, token: str) -> Principal | None:
    key = store.key_by_secret(unit, token_hash(token))
    if key is None or key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= utc_now()):
        return None
    return Principal(unit.organization_id, frozenset(key.scopes), key.id, agent_id=None, expires_at=key.expires_at)


def _session_principal(unit: UnitOfWork, token: str) -> Principal | None:
    session = sessions.find(unit, token_hash(token))
    agent = None if session is None else store.read_agent(unit, session.agent_id)
    if agent is None or not agent.active:
        return None
    scopes = ROLE_SCOPES[agent.role]
    return Principal(
        unit.organization_id, scopes, None, agent_id=agent.id, expires_at=None, session=session, agent=agent
    )


def note_use(unit: UnitOfWork, key_id: str, when: datetime) -> None:
    """Records when a key was last used."""
    store.change_key(unit, key_id, last_used_at=when)


def add_agent(
    unit: UnitOfWork, email: str, name: str, role: Role, actor: Actor, password: str | None = None
) -> AgentRow:
    """A new agent; without a password, one who cannot sign in by one yet."""
    password_hash = None if password is None else _hash(unit, password, email, name)
    agent = AgentRow(
        new_id(),
        parse_email(email),
        _require(name),
        role=role,
        active=True,
        recent_inbox_id=None,
        password_hash=password_hash,
    )
    store.add_agent(unit, agent, utc_now())
    change_settings(unit)  # whose address it is decides on mail from it (RES-18)
    audit.record(unit, actor, "agent.added", details={"agent_id": agent.id, "role": role})
    return agent


def set_password(unit: UnitOfWork, agent_id: str, password: str, actor: Actor) -> None:
    """Sets a password; ends the agent's sessions and one-time tokens. Raises what `check_password` raises."""
    agent = store.read_agent(unit, agent_id)
    store.change_agent(unit, agent_id, password_hash=_hash(unit, password, agent.email, agent.name))
    session_store.end_sessions(unit, agent_id=agent_id)
    sign_ins.end_tokens(unit, agent_id)
    audit.record(unit, actor, "agent.password_set", details={"agent_id": agent_id})


def reset_password(unit: UnitOfWork, agent_id: str, password: str, actor: Actor) -> None:
    """The same for somebody who cannot prove the password of before. A linked account at a provider, and passkeys, end
    with it: whoever has taken over the account may have made them."""
    credentials = sign_ins.of_agent(unit, agent_id)
    if credentials is not None and credentials.oidc_subject is not None:
        sign_ins.set_provider(unit, agent_id, None, None)
        audit.record(unit, actor, "agent.provider_unlinked", details={"agent_id": agent_id})
    for _ in range(passkey_store.remove(unit, agent_id)):
        audit.record(unit, actor, "agent.passkey_removed", details={"agent_id": agent_id})
    set_password(unit, agent_id, password, actor)


def _hash(unit: UnitOfWork, password: str, *own_texts: str) -> str:
    check_password(password, [*own_texts, settings_row(unit).name])
    return hash_password(password)


def change_agent(unit: UnitOfWork, agent_id: str, changes: Mapping[str, object], actor: Actor) -> None:
    """Changes an agent's name, role or activity; whoever becomes inactive is signed out everywhere, at once.

    Raises Conflict `last_admin` where nobody would be left to change the settings.
    """
    values = dict(changes)
    if values.get("role", "admin") != "admin" or values.get("active") is False:
        _keep_an_admin(unit, agent_id)
    if "name" in values:
        values["name"] = _require(str(values["name"]))
    before = store.read_agent(unit, agent_id)
    values = {field: value for field, value in values.items() if value != getattr(before, field)}
    if not values:
        return
    store.change_agent(unit, agent_id, **values)
    if values.get("active") is False:
        session_store.end_sessions(unit, agent_id=agent_id)
        sign_ins.end_tokens(unit, agent_id)
    audit.record(unit, actor, "agent.changed", details={"agent_id": agent_id, "changes": values})


def _keep_an_admin(unit: UnitOfWork, agent_id: str) -> None:
    if store.active_admins(unit, lock=True) == [agent_id]:
        detail = "This is the last active admin; make somebody else an admin first."
        raise Conflict(detail, code="last_admin", field="role")


def add_inbox(unit: UnitOfWork, name: str, actor: Actor) -> tuple[str, str]:
    """A new inbox: its id and name."""
    inbox_id, cleaned = new_id(), _require(name)
    store.add_inbox(unit, inbox_id, cleaned, utc_now())
    change_settings(unit)  # processes that hold the settings learn that contacts may name it
    audit.record(unit, actor, "inbox.added", details={"inbox_id": inbox_id, "name": cleaned})
    return inbox_id, cleaned


def rename_inbox(unit: UnitOfWork, inbox_id: str, name: str, actor: Actor) -> None:
    """Renames an inbox; raises NotFound."""
    cleaned = _require(name)
    store.rename_inbox(unit, _known_inbox(unit, inbox_id), cleaned)
    audit.record(unit, actor, "inbox.renamed", details={"inbox_id": inbox_id, "name": cleaned})


def assign_to_inbox(unit: UnitOfWork, inbox_id: str, agent_id: str, actor: Actor) -> None:
    """Assigns an agent to an inbox, which becomes the agent's most recent one (PRO-9). Raises NotFound."""
    store.assign_to_inbox(unit, _known_inbox(unit, inbox_id), store.read_agent(unit, agent_id).id)
    audit.record(unit, actor, "inbox.agent_assigned", details={"inbox_id": inbox_id, "agent_id": agent_id})


def remove_from_inbox(unit: UnitOfWork, inbox_id: str, agent_id: str, actor: Actor) -> None:
    """Takes an agent off an inbox; raises NotFound."""
    store.remove_from_inbox(unit, _known_inbox(unit, inbox_id), store.read_agent(unit, agent_id).id)
    audit.record(unit, actor, "inbox.agent_removed", details={"inbox_id": inbox_id, "agent_id": agent_id})


def _known_inbox(unit: UnitOfWork, inbox_id: str) -> str:
    if inbox_id not in dict(store.list_inboxes(unit)):
        raise NotFound("There is no inbox with this id.", code="inbox_not_found")
    return inbox_id


def _require(name: str) -> str:
    cleaned = clean_name(name)
    if cleaned is None:
        raise InvalidValue("name is empty.", code="empty_value", field="name")
    return cleaned


def merger_of(unit: UnitOfWork, actor: Actor, agent_id: str | None) -> Merger:
    """Who merges, by the name that events show."""
    agent_id = actor.agent_id or agent_id
    if agent_id is not None:
        agent = store.read_agent(unit, agent_id)
        if not agent.active:
            raise Conflict("This agent is no longer active.", code="agent_inactive")
        return Merger(agent_id, agent.name)
    names = {key.id: key.name for key in store.list_keys(unit)} if actor.key_id else {}
    return Merger(None, names.get(actor.key_id or "", "Onefold"))
