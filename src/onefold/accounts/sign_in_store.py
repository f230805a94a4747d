"""What agents sign in with: passwords, second factors, accounts at a provider; and tokens that are good once."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from onefold.core.secrets import is_sealed
from onefold.database.engine import UnitOfWork
from onefold.database.tables import agents, sign_in_tokens


class Credentials(NamedTuple):
    """An agent, and what proves that somebody is this agent."""

    id: str
    email: str
    active: bool
    password_hash: str | None
    totp_secret: str | None
    oidc_issuer: str | None
    oidc_subject: str | None


_CREDENTIALS = [agents.c[name] for name in Credentials._fields]


def of_agent(unit: UnitOfWork, agent_id: str) -> Credentials | None:
    """What this agent signs in with."""
    return _one(unit, agents.c.id == agent_id)


def of_email(unit: UnitOfWork, email: str) -> Credentials | None:
    """What the agent of an address signs in with."""
    return _one(unit, agents.c.email == email)


def of_subject(unit: UnitOfWork, issuer: str, subject: str) -> Credentials | None:
    """The agent who is linked with this account at a provider."""
    return _one(unit, sa.and_(agents.c.oidc_issuer == issuer, agents.c.oidc_subject == subject))


def hold_credentials(unit: UnitOfWork, agent_id: str) -> Credentials | None:
    """The same as `of_agent`, to begin a session by: nothing of it changes before this unit ends, so that whoever
    changes it ends that session too."""
    return _one(unit, agents.c.id == agent_id, hold=True)


def _one(unit: UnitOfWork, which: sa.ColumnElement[bool], *, hold: bool = False) -> Credentials | None:
    select = unit.select(*_CREDENTIALS).where(which)
    row = unit.execute(select.with_for_update(read=True) if hold else select).one_or_none()
    if row is None:
        return None
    credentials = Credentials._make(row)
    sealed = credentials.totp_secret
    return credentials if sealed is None else credentials._replace(totp_secret=unit.secrets.open(sealed))


def set_second_factor(unit: UnitOfWork, agent_id: str, secret: str, step: int) -> bool:
    """Sets the secret of an agent who has none, and the step a code was taken for; False if there is one."""
    changing = unit.update(agents).where(agents.c.id == agent_id, agents.c.totp_secret.is_(None))
    return _update(unit, changing.values(totp_secret=unit.secrets.seal(secret), totp_step=step))


def clear_second_factor(unit: UnitOfWork, agent_id: str) -> bool:
    """Takes the secret away; False if there was none."""
    changing = unit.update(agents).where(agents.c.id == agent_id, agents.c.totp_secret.is_not(None))
    return _update(unit, changing.values(totp_secret=None, totp_step=None))


def take_step(unit: UnitOfWork, agent_id: str, secret: str, step: int) -> bool:
    """Notes that a code of this step was taken; False where one of it, or of a later one, was before. Of two at once,
    one is told so."""
    a = agents.c
    stored = unit.execute(unit.select(a.totp_secret).where(a.id == agent_id)).scalar()
    if stored is None or unit.secrets.open(stored) != secret:
        return False
    unused = sa.or_(a.totp_step.is_(None), a.totp_step < step)
    changing = unit.update(agents).where(a.id == agent_id, a.active, a.totp_secret == stored, unused)
    return _update(unit, changing.values(totp_step=step))


def seal_secrets(unit: UnitOfWork) -> None:
    """Seals second factors that were stored before there was a key."""
    a = agents.c
    for row in unit.execute(unit.select(a.id, a.totp_secret).where(a.totp_secret.is_not(None))).all():
        if not is_sealed(row.totp_secret):
            sealing = unit.update(agents).where(a.id == row.id, a.totp_secret == row.totp_secret)
            unit.execute(sealing.values(totp_secret=unit.secrets.seal(row.totp_secret)))


def set_provider(unit: UnitOfWork, agent_id: str, issuer: str | None, subject: str | None) -> None:
    """Links an agent with an account at a provider, or with none."""
    changing = unit.update(agents).where(agents.c.id == agent_id)
    unit.execute(changing.values(oidc_issuer=issuer, oidc_subject=subject))


def _update(unit: UnitOfWork, statement: sa.Update) -> bool:
    return unit.execute(statement).rowcount > 0


def add_token(unit: UnitOfWork, token_hash: str, agent_id: str, purpose: str, expires_at: datetime) -> None:
    """A new one-time token."""
    unit.execute(
        sign_in_tokens.insert().values(
            organization_id=unit.organization_id,
            token_hash=token_hash,
            agent_id=agent_id,
            purpose=purpose,
            expires_at=expires_at,
        )
    )


def agent_of_token(unit: UnitOfWork, token_hash: str, purpose: str, now: datetime) -> str | None:
    """Whose token this is, None where it is not good. It stays good."""
    t = sign_in_tokens.c
    which = (t.token_hash == token_hash, t.purpose == purpose, t.expires_at > now)
    return unit.execute(unit.select(t.agent_id).where(*which)).scalar_one_or_none()


def take_token(unit: UnitOfWork, token_hash: str, purpose: str, now: datetime) -> str | None:
    """Uses a token up; whose it was, None where it is not good. Of two at once, one is told None."""
    t = sign_in_tokens.c
    taking = unit.delete(sign_in_tokens).where(t.token_hash == token_hash, t.purpose == purpose, t.expires_at > now)
    return unit.execute(taking.returning(t.agent_id)).scalar_one_or_none()


def end_tokens(unit: UnitOfWork, agent_id: str, purpose: str | None = None) -> None:
    """Ends an agent's one-time tokens, or those of one purpose."""
    t = sign_in_tokens.c
    which = sa.true() if purpose is None else t.purpose == purpose
    unit.execute(unit.delete(sign_in_tokens).where(t.agent_id == agent_id, which))
