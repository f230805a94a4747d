"""Who asks: bearer tokens (API keys, sign-in sessions), remembered for a few seconds."""

from __future__ import annotations

import base64
import threading
import time
from functools import partial

from onefold.accounts.service import Principal, authenticate, note_use
from onefold.core.clock import utc_now
from onefold.core.errors import NotAllowed, NotSignedIn
from onefold.database.engine import Database
from onefold.database.transactions import run_in_transaction

_REMEMBERED_SECONDS = 5.0
_MOST_REMEMBERED = 10_000
_LOCKS = 64


class Authenticator:
    """Tells who a request is from. A revoked key is refused at most `_REMEMBERED_SECONDS` later."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, tuple[float, Principal]] = {}
        self._used: dict[tuple[int, str], None] = {}
        self._lock = threading.Lock()
        self._asking = [threading.Lock() for _ in range(_LOCKS)]

    def known_principal(self, authorization: str | None) -> Principal | None:
        """The principal of a header seen a moment ago; asks no database."""
        entry = None if authorization is None else self._known.get(authorization)
        return None if entry is None or entry[0] < time.monotonic() else entry[1]

    def principal(self, authorization: str | None) -> Principal:
        """The principal of an Authorization header; raises NotSignedIn."""
        principal = self.known_principal(authorization)
        if principal is not None:
            return principal
        if not authorization:
            raise NotSignedIn("Send an API key: Authorization: Bearer <key>.")
        # When a key in heavy use is forgotten, one request asks the database and the others wait for what it is told.
        with self._asking[hash(authorization) % _LOCKS]:
            return self.known_principal(authorization) or self._authenticate(authorization)

    def _authenticate(self, authorization: str) -> Principal:
        principal = authenticate(self._database, _token(authorization))
        with self._lock:
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            self._known[authorization] = (time.monotonic() + _REMEMBERED_SECONDS, principal)
            if principal.key_id is not None:
                self._used[principal.organization_id, principal.key_id] = None
        return principal

    def note_uses(self) -> bool:
        """Writes down when keys were last used; called now and then in the background. There is never more to do."""
        with self._lock:
            used, self._used = self._used, {}
        for organization_id, key_id in used:
            run_in_transaction(self._database, organization_id, partial(note_use, key_id=key_id, when=utc_now()))
        return False


def _token(authorization: str) -> str:
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() == "basic":  # webhooks of providers that can only put a password into the address
        try:
            return base64.b64decode(rest, validate=True).decode().partition(":")[2]
        except ValueError:  # not Base64, or not UTF-8 inside
            pass
    raise NotSignedIn("Send an API key: Authorization: Bearer <key>.")


def allow(principal: Principal, scope: str) -> None:
    """Raises NotAllowed unless the principal has the scope."""
    if scope not in principal.scopes:
        raise NotAllowed(f"This needs the scope {scope}.", code="scope_missing")
