"""Who looks at a page: a signed-in agent, by a session cookie, and what the agent may do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, TypeVar
from urllib.parse import parse_qsl, quote, urlencode, urlsplit
from zoneinfo import ZoneInfo

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from onefold.accounts import known_devices, sessions, signing_in
from onefold.accounts.service import Principal, authenticate, token_hash, token_parts
from onefold.accounts.store import AgentRow
from onefold.console.devices import device_of
from onefold.console.forms import Form
from onefold.console.one_deed import Claim, claim_of
from onefold.console.times import Reader, reader_of
from onefold.core.actor import Actor
from onefold.core.errors import NotAllowed, NotSignedIn
from onefold.core.process_settings import Settings
from onefold.database.engine import Database, UnitOfWork
from onefold.database.transactions import run_in_transaction

T = TypeVar("T")


class SignInNeeded(Exception):
    """Nobody is signed in: the visitor is led to the sign-in page, and from there back to `then`."""

    def __init__(self, then: str) -> None:
        super().__init__()
        self.then = then


class Visitor:
    """A signed-in agent at a page. `read` and `write` open a transaction of the agent's organization."""

    def __init__(self, request: Request, token: str, principal: Principal, agent: AgentRow) -> None:
        self.request, self.token, self.principal, self.agent = request, token, principal, agent
        self.database: Database = request.app.state.database

    @property
    def agent_id(self) -> str:
        """The agent's id."""
        return self.agent.id

    @property
    def leads(self) -> bool:
        """Whether the agent is a lead or an admin: works through the queue, undoes merges, reads the audit log."""
        return "merges:undo" in self.principal.scopes

    @property
    def administers(self) -> bool:
        """Whether the agent is an admin."""
        return "settings:write" in self.principal.scopes

    @property
    def actor(self) -> Actor:
        """Who acts, and from which address, as the audit log keeps it (MRG-14)."""
        return Actor(self.agent.id, None, origin_of(self.request))

    @property
    def reader(self) -> Reader:
        """How the agent's browser has times read."""
        return reader_of(self.request.cookies.get("zone", ""), self.request.headers.get("accept-language", ""))

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the agent's browser, as a script of ours has told; else UTC."""
        return self.reader.zone

    def require(self, scope: str) -> None:
        """Raises NotAllowed unless the agent's role has the scope."""
        if scope not in self.principal.scopes:
            raise NotAllowed("Your role does not allow this; ask an admin of your organization.", code="role_missing")

    def read(self, work: Callable[[UnitOfWork], T], scope: str = "profiles:read") -> T:
        """What `work` returns from a reading transaction."""
        self.require(scope)
        with self.database.read(self.principal.organization_id) as unit:
            return work(unit)

    def write(self, work: Callable[[UnitOfWork], T], scope: str = "profiles:write", *, exclusive: bool = False) -> T:
        """What `work` returns, once it is committed. Raises AlreadyDone where the same form was sent before (UI-4)."""
        self.require(scope)
        claim = self._claim()

        def once(unit: UnitOfWork) -> T:
            if claim is not None:
                claim.take(unit)
            return work(unit)

        done = run_in_transaction(self.database, self.principal.organization_id, once, exclusive=exclusive)
        if claim is not None:
            claim.taken = True
        return done

    def note(self, work: Callable[[UnitOfWork], T], scope: str = "profiles:write") -> T:
        """The same for what may be done again by the same form: keeping a draft, proving who one is."""
        self.require(scope)
        return run_in_transaction(self.database, self.principal.organization_id, work)

    def _claim(self) -> Claim | None:
        state = self.request.state
        if not hasattr(state, "claim"):
            form: Form | None = getattr(state, "form", None)
            path, organization_id = self.request.url.path, self.principal.organization_id
            state.claim = None if form is None else claim_of(form, organization_id, self.agent_id, path)
        claim: Claim | None = state.claim
        return claim

    def still_signed_in(self) -> bool:
        """Whether the session has not ended since."""
        try:
            now = authenticate(self.database, self.token)
        except NotSignedIn:
            return False
        return now.may_go_on_as(self.principal)


def origin_of(request: Request) -> str:
    """From where somebody acts, as the audit log keeps it."""
    return f"console {request.client.host if request.client else 'unknown'}"


def public_address(request: Request) -> str:
    """The address of the console, as its browser knows it."""
    settings: Settings = request.app.state.settings
    return settings.public_url.rstrip("/") or str(request.base_url).rstrip("/")


def is_secure(request: Request) -> bool:
    """Whether the browser reaches this service over https, as far as the request or the settings tell."""
    settings: Settings = request.app.state.settings
    return request.url.scheme == "https" or settings.is_https


def cookie_name(request: Request) -> str:
    """The session's cookie: bound to this host alone where https lets it be."""
    return "__Host-onefold" if is_secure(request) else "onefold"


def device_cookie(request: Request) -> str:
    """What the browser has kept to be known again by."""
    return request.cookies.get(_device_cookie_name(request), "")


def _device_cookie_name(request: Request) -> str:
    return f"{cookie_name(request)}-device"


def set_session(request: Request, response: Response, token: str) -> None:
    """Signs the browser in, and has it known again (`known_devices.py`). Both cookies are read by no script and sent
    with no request that another site makes. The session that the browser had before ends (ASVS 7.2.4)."""
    _, organization_id = token_parts(token)
    database: Database = request.app.state.database
    _end_former_session(request, database)
    name = device_of(request.headers.get("user-agent", ""))

    def work(unit: UnitOfWork) -> str:
        session = sessions.find(unit, token_hash(token))
        assert session is not None
        sessions.name_device(unit, token_hash(token), name)
        return session.agent_id

    agent_id = run_in_transaction(database, organization_id, work)
    _set_cookie(request, response, cookie_name(request), value=token, length=sessions.LENGTH)
    known = known_devices.recognize(database.secrets, organization_id, device_cookie(request))
    made = known_devices.cookie_of(database.secrets, organization_id, agent_id)
    if made is not None and (known is None or known.agent_id != agent_id):
        _set_cookie(request, response, _device_cookie_name(request), value=made, length=known_devices.LENGTH)


def _end_former_session(request: Request, database: Database) -> None:
    former_token = request.cookies.get(cookie_name(request), "")

    def work(unit: UnitOfWork) -> None:
        session = sessions.find(unit, token_hash(former_token))
        if session is not None:
            signing_in.sign_out(unit, former_token, Actor(session.agent_id, None, origin_of(request)))

    try:
        _, organization_id = token_parts(former_token)
    except NotSignedIn:
        return
    run_in_transaction(database, organization_id, work)


def _set_cookie(request: Request, response: Response, name: str, value: str, length: timedelta) -> None:
    seconds, secure = int(length.total_seconds()), is_secure(request)
    response.set_cookie(name, value, max_age=seconds, path="/", httponly=True, secure=secure, samesite="lax")


def end_session(request: Request, response: Response) -> None:
    """Signs the browser out."""
    response.delete_cookie(cookie_name(request), path="/", httponly=True, secure=is_secure(request), samesite="lax")


def local_path(given: str | None) -> str:
    """A path of this site to go on to, whatever was given: never another site's address."""
    plain = given is not None and given.startswith("/") and not given.startswith(("//", "/\\"))
    return given if given and plain and given.isprintable() else "/"


def page_before(request: Request) -> str:
    """The path of the page that a form of ours was sent from, without what that page said had been done."""
    try:
        there = urlsplit(request.headers.get("hx-current-url") or request.headers.get("referer", ""))
    except ValueError:  # whatever a client may send
        return "/"
    query = urlencode([one for one in parse_qsl(there.query) if one[0] not in ("said", "undo")])
    return local_path(f"{there.path}?{query}" if query else there.path)


def _look(request: Request) -> Visitor | None:
    token = request.cookies.get(cookie_name(request))
    if not token:
        return None
    database: Database = request.app.state.database
    try:
        principal = authenticate(database, token)
    except NotSignedIn:
        return None
    # An API key is no agent.
    return None if principal.agent is None else Visitor(request, token, principal, principal.agent)


def _note_use(visitor: Visitor) -> None:
    session = visitor.principal.session
    if session is not None and sessions.is_to_be_noted(session):
        visitor.note(lambda unit: sessions.note_use(unit, token_hash(visitor.token)), "profiles:read")


async def signed_in(request: Request) -> Visitor:
    """The visitor; raises SignInNeeded."""
    visitor = await run_in_threadpool(_look, request)
    if visitor is None:
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        raise SignInNeeded(quote(path if request.method == "GET" else page_before(request), safe="/"))
    if request.url.path != "/events" and "x-refresh" not in request.headers:
        await run_in_threadpool(_note_use, visitor)
    request.state.visitor, request.state.asker = visitor, {"agent_id": visitor.agent_id}
    return visitor


async def maybe_signed_in(request: Request) -> Visitor | None:
    """The visitor, or nobody."""
    visitor = await run_in_threadpool(_look, request)
    if visitor is not None:
        request.state.visitor = visitor
    return visitor


AnyVisitor = Annotated[Visitor, Depends(signed_in)]
"""The parameter of every route that needs somebody signed in."""
