"""Passkeys (WebAuthn): an agent signs in with a key that never leaves the device, and that no other site can ask for.

A passkey asks its owner for a fingerprint, a face or a PIN each time. It counts as both factors, so that no code is
asked for besides.
"""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import datetime
from ipaddress import ip_address
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import cbor2
import webauthn
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from onefold.accounts import passkey_store as store
from onefold.accounts import sign_in_store, throttle
from onefold.accounts.passkey_store import PasskeyRow
from onefold.accounts.signing_in import SignedIn, Visit, begin_session, note_refusal
from onefold.accounts.store import AgentRow
from onefold.audit import service as audit
from onefold.core.actor import Actor
from onefold.core.clock import new_id, utc_now
from onefold.core.errors import Conflict, InvalidValue, NotFound, NotSignedIn
from onefold.core.ids import is_id
from onefold.core.text import clean_name
from onefold.database.engine import Database, UnitOfWork
from onefold.database.transactions import run_in_transaction

MOST_PASSKEYS = 20
LONGEST_CREDENTIAL = 12_000
_LONGEST_ID = 1_364  # base64url of 1,023 bytes
# What reading an answer raises that no browser has made.
_UNREADABLE = (
    WebAuthnException,
    cbor2.CBORDecodeError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    RecursionError,
)
_TRUE_OWNER = UserVerificationRequirement.REQUIRED


class Site(NamedTuple):
    """What passkeys are bound to: the host of the console, and the origin of its pages."""

    host: str
    origin: str

    @property
    def takes_passkeys(self) -> bool:
        """Whether browsers make passkeys for it: they do for names, not for IP addresses."""
        try:
            ip_address(self.host)
        except ValueError:
            return True
        return False


class Asked(NamedTuple):
    """What the answer of a browser has to be about: the challenge it was given, and when."""

    challenge: str
    at: datetime


class Ceremony(NamedTuple):
    """What the browser is asked (JSON for `navigator.credentials`), and what its answer has to be about."""

    options: str
    asked: Asked


def site_of(address: str) -> Site:
    """The site of the console's public address, spelled as browsers spell it: lower case, IDNA, no port that the scheme
    implies."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    with suppress(UnicodeError):
        host = host.encode("idna").decode()
    shown = f"[{host}]" if ":" in host else host
    port = "" if parts.port in (None, {"http": 80, "https": 443}.get(parts.scheme)) else f":{parts.port}"
    return Site(host, f"{parts.scheme}://{shown}{port}")


# Making one -----------------------------------------------------------------------------------------------------------


def ask_to_make(unit: UnitOfWork, agent: AgentRow, site: Site) -> Ceremony:
    """What an agent's browser needs to make a passkey. Nothing is stored before it has."""
    known = [PublicKeyCredentialDescriptor(base64url_to_bytes(p.credential_id)) for p in store.of_agent(unit, agent.id)]
    options = webauthn.generate_registration_options(
        rp_id=site.host,
        rp_name="Onefold",
        user_id=f"{unit.organization_id}:{agent.id}".encode(),
        user_name=agent.email,
        user_display_name=agent.name,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=_TRUE_OWNER
        ),
        exclude_credentials=known,
    )
    return Ceremony(webauthn.options_to_json(options), Asked(bytes_to_base64url(options.challenge), utc_now()))


def add(
    unit: UnitOfWork, agent_id: str, credential: str, name: str, site: Site, challenge: str, actor: Actor
) -> PasskeyRow:
    """The passkey that a browser has made for this challenge; it signs the agent in from now on.

    Raises InvalidValue `passkey_not_valid` if it was made for something else, Conflict `passkey_present` if it is here
    already, Conflict `too_many_passkeys`.
    """
    try:
        made = webauthn.verify_registration_response(
            credential=_json(credential),
            expected_challenge=base64url_to_bytes(challenge),
            expected_rp_id=site.host,
            expected_origin=site.origin,
            require_user_verification=True,
        )
    except _UNREADABLE:
        raise InvalidValue("The browser made no passkey for this page. Try again.", code="passkey_not_valid") from None
    credential_id = bytes_to_base64url(made.credential_id)
    if len(credential_id) > _LONGEST_ID:
        raise InvalidValue("The browser made no passkey for this page. Try again.", code="passkey_not_valid")
    if store.of_credential(unit, credential_id) is not None:
        raise Conflict("This passkey is here already.", code="passkey_present")
    if len(store.of_agent(unit, agent_id)) >= MOST_PASSKEYS:
        raise Conflict(f"An agent has at most {MOST_PASSKEYS} passkeys; remove one first.", code="too_many_passkeys")
    row = PasskeyRow(
        new_id(),
        agent_id,
        credential_id,
        public_key=made.credential_public_key,
        sign_count=made.sign_count,
        name=clean_name(name, "name") or "Passkey",
        created_at=utc_now(),
        last_used_at=None,
    )
    store.add(unit, row)
    audit.record(unit, actor, "agent.passkey_added", details={"agent_id": agent_id, "name": row.name})
    return row


def remove(unit: UnitOfWork, agent_id: str, passkey_id: str, actor: Actor) -> None:
    """It signs the agent in no more; sessions go on. Raises NotFound."""
    if not is_id(passkey_id) or not store.remove(unit, agent_id, passkey_id):
        raise NotFound("There is no such passkey.", code="passkey_not_found")
    audit.record(unit, actor, "agent.passkey_removed", details={"agent_id": agent_id})


# Signing in by one ----------------------------------------------------------------------------------------------------


def ask_to_sign_in(site: Site) -> Ceremony:
    """What a browser needs to sign in with whatever passkey it has for this site."""
    options = webauthn.generate_authentication_options(rp_id=site.host, user_verification=_TRUE_OWNER)
    return Ceremony(webauthn.options_to_json(options), Asked(bytes_to_base64url(options.challenge), utc_now()))


def organization_of(credential: str) -> int:
    """The organization whose agent a passkey says it is of; raises NotSignedIn `passkey_unknown`."""
    try:
        handle = base64url_to_bytes(_json(credential)["response"]["userHandle"]).decode()
        return int(handle.partition(":")[0])
    except _UNREADABLE:
        raise _unknown() from None


def sign_in_apart(
    database: Database, organization_id: int, credential: str, site: Site, asked: Asked, visit: Visit
) -> SignedIn:
    """Signs in by a passkey, in a unit of its own. An answer serves once: it must have been asked for after the passkey
    was last used. Raises NotSignedIn `passkey_unknown`, and TooMany `too_many_sign_ins` after 50 failures of the
    client's network within 15 minutes."""
    try:
        with throttle.trying(database, organization_id, throttle.of_passkey(visit.client)):
            return run_in_transaction(
                database, organization_id, lambda unit: _sign_in(unit, credential, site, asked, visit.origin)
            )
    except NotSignedIn:
        note_refusal(database, organization_id, None, "passkey", visit.origin)
        raise


def _sign_in(unit: UnitOfWork, credential: str, site: Site, asked: Asked, origin: str) -> SignedIn:
    try:
        sent = _json(credential)
        row = store.of_credential(unit, _credential_id(sent))
        if row is None or (row.last_used_at is not None and asked.at <= row.last_used_at):
            raise _unknown()
        used = webauthn.verify_authentication_response(
            credential=sent,
            expected_challenge=base64url_to_bytes(asked.challenge),
            expected_rp_id=site.host,
            expected_origin=site.origin,
            credential_public_key=row.public_key,
            credential_current_sign_count=row.sign_count,
            require_user_verification=True,
        )
    except _UNREADABLE:
        raise _unknown() from None
    who = sign_in_store.hold_credentials(unit, row.agent_id)
    if who is None or not who.active:
        raise _unknown()
    store.note_use(unit, row, used.new_sign_count, utc_now())
    return begin_session(unit, who.id, "passkey", origin)


def _credential_id(sent: dict[str, Any]) -> str:
    """The id of the passkey, as it is stored; ValueError for what can be none (WebAuthn: 1,023 bytes at most)."""
    name = bytes_to_base64url(base64url_to_bytes(str(sent["id"])))
    if not 0 < len(name) <= _LONGEST_ID:
        raise ValueError
    return name


def _json(credential: str) -> dict[str, Any]:
    if len(credential) > LONGEST_CREDENTIAL:
        raise ValueError
    sent = json.loads(credential)
    if not isinstance(sent, dict):
        raise TypeError
    return sent


def _unknown() -> NotSignedIn:
    return NotSignedIn("This passkey signs nobody in here. Sign in another way.", code="passkey_unknown")
