"""Single sign-on by OpenID Connect: the authorization code flow with PKCE, at one provider that the admin trusts."""

from __future__ import annotations

import json
import secrets
import threading
import time
from typing import Any, NamedTuple, NoReturn
from urllib.parse import quote_plus

import httpx
import structlog
from authlib.oauth2.rfc7636 import create_s256_code_challenge  # type: ignore[import-untyped]
from authlib.oidc.core.claims import CodeIDToken  # type: ignore[import-untyped]
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import JWKRegistry, Key, KeySet
from joserfc.jws import JWSRegistry

from onefold.accounts.signing_in import Identity
from onefold.core.errors import InvalidValue, NotSignedIn, Unavailable

__all__ = ["Identity", "Provider", "Secrets"]
_SECONDS = 10.0
_LARGEST = 1_000_000
_REMEMBERED_SECONDS = 3_600.0
_LEEWAY_SECONDS = 60
_LONGEST_SUBJECT = 255
# Signatures by a key that the provider keeps to itself: neither `none` nor the HS family, whose key would be ours too.
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]
_HERE = ("localhost", "127.0.0.1", "::1")
_log = structlog.get_logger("onefold.single_sign_on")


class Secrets(NamedTuple):
    """What one sign-in is known by again. To be kept by the browser that began it, sealed, until it comes back; whoever
    takes it back compares `state` with what the address carries."""

    state: str
    nonce: str
    verifier: str


class _Metadata(NamedTuple):
    authorization: str
    token: str
    keys: str
    secret_in_header: bool


class Provider:
    """A provider, by its issuer as it writes it itself. What it publishes of itself is remembered for an hour.

    Raises InvalidValue `https_required` for an issuer that is neither https nor on this machine.
    """

    def __init__(self, issuer: str, client_id: str, client_secret: str) -> None:
        if not _is_safe(issuer):
            raise InvalidValue("ONEFOLD_OIDC_ISSUER must begin with https://.", code="https_required")
        self._issuer, self._id, self._secret = issuer, client_id, client_secret
        self._client = httpx.Client(
            timeout=_SECONDS / 2,
            limits=httpx.Limits(max_keepalive_connections=0),
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
        )
        self._lock = threading.Lock()
        self._metadata: tuple[float, _Metadata] | None = None
        self._keys: tuple[float, KeySet] | None = None

    def begin(self, redirect_uri: str) -> tuple[str, Secrets]:
        """Where to send a browser, and what to keep until it comes back. Raises Unavailable `provider_unavailable`."""
        flow_secrets = Secrets(*(secrets.token_urlsafe(32) for _ in Secrets._fields))
        parameters = {
            "response_type": "code",
            "client_id": self._id,
            "redirect_uri": redirect_uri,
            "scope": "openid",
            "state": flow_secrets.state,
            "nonce": flow_secrets.nonce,
            "code_challenge_method": "S256",
            "code_challenge": create_s256_code_challenge(flow_secrets.verifier),
        }
        return str(httpx.URL(self._known_metadata().authorization).copy_merge_params(parameters)), flow_secrets

    def finish(self, code: str, secrets: Secrets, redirect_uri: str) -> Identity:
        """Who has signed in there, by the code that the browser came back with.

        Raises NotSignedIn `provider_refused` where the code or what it is exchanged for is not good, Unavailable
        `provider_unavailable` where the provider does not answer as it should.
        """
        answer = self._exchange_code(code, secrets.verifier, redirect_uri)
        id_token, access_token = answer.get("id_token"), answer.get("access_token")
        if not isinstance(id_token, str):
            _unavailable("no ID token")
        try:
            token = self._decode_token(id_token)
            options = {"iss": {"essential": True, "value": self._issuer}, "aud": {"essential": True, "value": self._id}}
            params = {"nonce": secrets.nonce, "client_id": self._id, "access_token": access_token}
            claims = CodeIDToken(token.claims, token.header, options, params)
            claims.validate(leeway=_LEEWAY_SECONDS)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            _raise_refusal(getattr(error, "claim", None) or getattr(error, "error", None) or "malformed ID token")
        subject = str(claims["sub"])
        if not (0 < len(subject) <= _LONGEST_SUBJECT and subject.isprintable()):
            _raise_refusal("sub")
        return Identity(self._issuer, subject)

    def _exchange_code(self, code: str, verifier: str, redirect_uri: str) -> dict[str, Any]:
        known = self._known_metadata()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        auth = None
        if self._secret and known.secret_in_header:
            auth = httpx.BasicAuth(quote_plus(self._id), quote_plus(self._secret))
        else:
            form |= {"client_id": self._id} | ({"client_secret": self._secret} if self._secret else {})
        status, answer = self._ask("POST", known.token, data=form, auth=auth)
        if status in (400, 401, 403):
            if answer.get("error") in ("invalid_client", "unauthorized_client"):
                _raise_refusal(
                    "client", "The provider does not accept ONEFOLD_OIDC_CLIENT_ID and ONEFOLD_OIDC_CLIENT_SECRET."
                )
            _raise_refusal("code")
        if status != 200:
            _unavailable(f"token endpoint: {status}")
        return answer

    def _decode_token(self, id_token: str) -> jwt.Token:
        registry = JWSRegistry(algorithms=_ALGORITHMS, strict_check_header=False)
        try:
            return jwt.decode(id_token, self._key_set(), registry=registry)
        except InvalidKeyIdError:  # the provider has changed its keys, perhaps
            return jwt.decode(id_token, self._key_set(again=True), registry=registry)

    def _known_metadata(self) -> _Metadata:
        with self._lock:
            if self._metadata is None or self._metadata[0] < time.monotonic():
                document = self._fetch_keys(self._issuer.rstrip("/") + "/.well-known/openid-configuration")
                self._metadata = (time.monotonic() + _REMEMBERED_SECONDS, self._fetch_metadata(document))
            return self._metadata[1]

    def _fetch_metadata(self, document: dict[str, Any]) -> _Metadata:
        if document.get("issuer") != self._issuer:
            _unavailable("the issuer it names is not ONEFOLD_OIDC_ISSUER, letter by letter")
        authorization, token, keys = (
            str(document.get(name)) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")
        )
        if not all(map(_is_safe, (authorization, token, keys))):
            _unavailable("an endpoint is missing, or not https")
        ways = document.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        return _Metadata(authorization, token, keys, "client_secret_basic" in ways)

    def _key_set(self, *, again: bool = False) -> KeySet:
        url = self._known_metadata().keys
        with self._lock:
            if again or self._keys is None or self._keys[0] < time.monotonic():
                listed = self._fetch_keys(url).get("keys")
                keys = [key for data in (listed if isinstance(listed, list) else []) for key in _import_key(data)]
                self._keys = (time.monotonic() + _REMEMBERED_SECONDS, KeySet(keys))
            return self._keys[1]

    def _fetch_keys(self, url: str) -> dict[str, Any]:
        status, document = self._ask("GET", url)
        if status != 200:
            _unavailable(f"status {status}")
        return document

    def _ask(self, method: str, url: str, **sent: Any) -> tuple[int, dict[str, Any]]:
        """Status and JSON of an answer; follows no redirect, and waits and reads only so long."""
        end, body = time.monotonic() + _SECONDS, b""
        try:
            with self._client.stream(method, url, **sent) as answer:
                for part in answer.iter_bytes():
                    body += part
                    if len(body) > _LARGEST or time.monotonic() > end:
                        _unavailable("an answer without end")
            document = json.loads(body)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, RecursionError) as error:
            _unavailable(type(error).__name__)
        if not isinstance(document, dict):
            _unavailable("an answer that is no object")
        return answer.status_code, document


def _is_safe(url: str) -> bool:
    try:
        read = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    return bool(read.host) and (read.scheme == "https" or (read.scheme == "http" and read.host in _HERE))


def _import_key(data: Any) -> list[Key]:
    """The key, unless it is of a kind that nobody knows here: a provider may list such beside."""
    try:
        return [JWKRegistry.import_key(data)]
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        return []


def _raise_refusal(reason: str, detail: str = "") -> NoReturn:
    _log.warning("provider refused", reason=reason)
    raise NotSignedIn(
        detail or "Single sign-on did not work: what the provider sent is not good. Begin again.",
        code="provider_refused",
    ) from None


def _unavailable(reason: str) -> NoReturn:
    _log.warning("provider unavailable", reason=reason)
    raise Unavailable(
        "The single sign-on provider does not answer as it should. Try again in a moment, or sign in another way.",
        code="provider_unavailable",
    ) from None
