"""Single sign-on against a provider on a real socket: what it must prove, and when it does not answer as it should."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, Key, OctKey, RSAKey
from joserfc.jws import JWSRegistry

from onefold.accounts.signing_in import Identity
from onefold.channels import oidc
from onefold.channels.oidc import Provider, Secrets
from onefold.core.errors import InvalidValue, NotSignedIn, Unavailable

BACK = "https://onefold.example/sign-in/provider"
RSA, EC, OTHER = (
    RSAKey.generate_key(2048, {"kid": "rsa"}),
    ECKey.generate_key("P-256", {"kid": "ec"}),
    RSAKey.generate_key(2048, {"kid": "rsa"}),
)


class Fake(ThreadingHTTPServer):
    """A provider that does everything right, unless a test has changed what it says.

    `codes` are those it gave out, with the challenge and the nonce each was asked for with.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.issuer = f"http://127.0.0.1:{self.server_address[1]}"
        self.key: Key = RSA
        self.alg = "RS256"
        self.listed: list[Any] = [RSA.as_dict(private=False), EC.as_dict(private=False)]
        self.metadata: dict[str, Any] = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize?tenant=kite",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
        }
        self.claims: dict[str, Any] = {}
        self.header: dict[str, Any] = {}
        self.says: dict[str, tuple[int, bytes]] = {}
        self.drips = False
        self.asked: list[str] = []
        self.form: dict[str, str] = {}
        self.authorization: str | None = None
        self.codes: dict[str, dict[str, str]] = {}

    def visited(self, url: str) -> str:
        """A browser goes where it is sent, and somebody signs in there; the code it comes back with."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query, strict_parsing=True).items()}
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return code

    def exchange(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """What a code is good for: once, for who can show the verifier, and came from where it was sent to."""
        begun = self.codes.pop(form.get("code", ""), None)
        if begun is None or form["redirect_uri"] != begun["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        if begun["code_challenge"] != _s256(form["code_verifier"]) or begun["code_challenge_method"] != "S256":
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": "10769150350006150715113082367",
            "aud": "kite",
            "exp": now + 300,
            "iat": now,
            "nonce": begun["nonce"],
            "email": "mara@kite.example",
            **self.claims,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": self.alg, "kid": self.key.kid, **self.header}
        anything = JWSRegistry(algorithms=[self.alg], strict_check_header=False)
        token = jwt.encode(header, claims, self.key, registry=anything)
        return 200, {"access_token": "at", "token_type": "Bearer", "id_token": token}


class _Handler(BaseHTTPRequestHandler):
    server: Fake

    def do_GET(self) -> None:
        documents = {"/.well-known/openid-configuration": self.server.metadata, "/keys": {"keys": self.server.listed}}
        self._answer(200, documents[self.path])

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.form = {name: values[0] for name, values in parse_qs(body).items()}
        self.server.authorization = self.headers["Authorization"]
        self._answer(*self.server.exchange(self.server.form))

    def _answer(self, status: int, content: Any) -> None:
        self.server.asked.append(self.path)
        status, body = self.server.says.get(self.path, (status, json.dumps(content).encode()))
        self.send_response(status)
        self.send_header("Location", "/keys")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if not self.server.drips:
            self.wfile.write(body)
            return
        with suppress(OSError):  # nobody waits for the end of it
            for n in range(len(body)):
                self.wfile.write(body[n : n + 1])
                time.sleep(0.05)

    def log_message(self, *_: object) -> None:
        """Nothing."""


def _s256(verifier: str) -> str:
    return _base64(hashlib.sha256(verifier.encode()).digest())


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@pytest.fixture
def fake() -> Iterator[Fake]:
    """A provider that is up."""
    server = Fake()
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def provider(fake: Fake) -> Provider:
    return Provider(fake.issuer, "kite", "s3cret/:")


def sign_in(provider: Provider, fake: Fake) -> Identity:
    """From the button to the end."""
    url, flow_secrets = provider.begin(BACK)
    return provider.finish(fake.visited(url), flow_secrets, BACK)


def refused(work: Callable[[], object], code: str = "provider_refused") -> None:
    with pytest.raises(Unavailable if code == "provider_unavailable" else NotSignedIn) as caught:
        work()
    assert caught.value.code == code
    assert "mara" not in caught.value.detail


def test_who_signs_in_there_is_told_by_issuer_and_subject_alone(provider: Provider, fake: Fake) -> None:
    assert sign_in(provider, fake) == Identity(fake.issuer, "10769150350006150715113082367")


def test_the_browser_is_sent_with_a_challenge_and_nothing_that_is_kept_secret(provider: Provider) -> None:
    url, flow_secrets = provider.begin(BACK)
    assert parse_qs(urlsplit(url).query) == {
        "tenant": ["kite"],
        "response_type": ["code"],
        "client_id": ["kite"],
        "redirect_uri": [BACK],
        "scope": ["openid"],
        "state": [flow_secrets.state],
        "nonce": [flow_secrets.nonce],
        "code_challenge_method": ["S256"],
        "code_challenge": [_s256(flow_secrets.verifier)],
    }
    assert flow_secrets.verifier not in url
    assert len({*flow_secrets, *provider.begin(BACK)[1]}) == 6
    assert all(len(secret) == 43 for secret in flow_secrets)


@pytest.mark.parametrize(
    ("ways", "secret", "in_header", "in_form"),
    [
        (None, "s3cret/:", True, None),
        (["client_secret_post"], "s3cret/:", False, "s3cret/:"),
        (["client_secret_post", "client_secret_basic"], "s3cret/:", True, None),
        (["none"], "", False, None),
    ],
)
def test_it_proves_who_it_is_the_way_the_provider_takes(
    fake: Fake, ways: list[str] | None, secret: str, in_header: bool, in_form: str | None
) -> None:
    if ways is not None:
        fake.metadata["token_endpoint_auth_methods_supported"] = ways
    sign_in(Provider(fake.issuer, "kite", secret), fake)
    basic = "Basic " + base64.b64encode(b"kite:s3cret%2F%3A").decode()
    assert fake.authorization == (basic if in_header else None)
    assert fake.form.get("client_secret") == in_form
    assert fake.form.get("client_id") == (None if in_header else "kite")


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://elsewhere.example"},
        {"iss": None},
        {"aud": "another"},
        {"aud": None},
        {"aud": []},
        {"aud": ["kite", "another"]},
        {"aud": ["kite", "another"], "azp": "another"},
        {"azp": "another"},
        {"exp": 1},
        {"exp": None},
        {"exp": "never"},
        {"nbf": 32_503_680_000},
        {"iat": None},
        {"iat": 32_503_680_000},
        {"nonce": "another"},
        {"nonce": None},
        {"nonce": ["x"]},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 256},
        {"sub": "a\x00b"},
        {"at_hash": "AAAA"},
        {"at_hash": 7},
    ],
    ids=str,
)
def test_an_id_token_that_says_something_else_is_refused(
    provider: Provider, fake: Fake, claims: dict[str, Any]
) -> None:
    fake.claims = claims
    refused(lambda: sign_in(provider, fake))


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": ["kite"]},
        {"aud": ["kite", "another"], "azp": "kite"},
        {"auth_time": 1},
    ],
    ids=str,
)
def test_one_that_a_provider_may_write_otherwise_is_taken(
    provider: Provider, fake: Fake, claims: dict[str, Any]
) -> None:
    fake.claims = claims
    assert sign_in(provider, fake).issuer == fake.issuer


def test_clocks_may_differ_by_a_minute(provider: Provider, fake: Fake) -> None:
    fake.claims = {"exp": int(time.time()) - 5, "iat": int(time.time()) + 30}
    sign_in(provider, fake)
    fake.claims = {"exp": int(time.time()) - 61}
    refused(lambda: sign_in(provider, fake))


def test_a_header_that_nobody_knows_does_no_harm_and_other_signatures_do(provider: Provider, fake: Fake) -> None:
    fake.header = {"rh": "0.AX"}
    sign_in(provider, fake)
    fake.key, fake.alg = EC, "ES256"
    sign_in(provider, fake)


def _hs256(fake: Fake) -> None:
    fake.key, fake.alg = OctKey.import_key(b"s3cret/:" * 8, {"kid": "rsa"}), "HS256"


def _hs256_by_the_public_key(fake: Fake) -> None:
    """By hand: the library does not lend itself to it."""
    parts = [_base64(json.dumps(part).encode()) for part in ({"alg": "HS256", "kid": "rsa"}, {"sub": "x"})]
    written = ".".join(parts)
    made = hmac.new(RSA.as_pem(private=False), written.encode(), hashlib.sha256).digest()
    fake.says["/token"] = (200, json.dumps({"id_token": f"{written}.{_base64(made)}"}).encode())


def _hs256_by_a_listed_key(fake: Fake) -> None:
    _hs256(fake)
    fake.listed = [fake.key.as_dict(private=True)]


def _none(fake: Fake) -> None:
    fake.key, fake.alg = OctKey.import_key(b"x" * 32, {"kid": "rsa"}), "none"


def _somebody_elses(fake: Fake) -> None:
    fake.key = OTHER


def _unknown(fake: Fake) -> None:
    fake.key = RSAKey.generate_key(2048, {"kid": "never listed"})


def _for_encryption(fake: Fake) -> None:
    fake.listed = [{**RSA.as_dict(private=False), "use": "enc"}]


@pytest.mark.parametrize(
    "spoil",
    [
        _hs256,
        _hs256_by_the_public_key,
        _hs256_by_a_listed_key,
        _none,
        _somebody_elses,
        _unknown,
        _for_encryption,
    ],
)
@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
def test_an_id_token_that_the_provider_did_not_sign_is_refused(
    provider: Provider, fake: Fake, spoil: Callable[[Fake], None]
) -> None:
    spoil(fake)
    refused(lambda: sign_in(provider, fake))
    assert fake.asked.count("/token") == 1  # it came as far as that


def test_a_token_whose_signature_is_cut_off_or_changed_is_refused(provider: Provider, fake: Fake) -> None:
    for change in (
        lambda t: t.rpartition(".")[0] + ".",
        lambda t: t.rpartition(".")[0],
        lambda t: "x",
        lambda t: 7,
        lambda t: t[:-9] + ("AAAAAAAA" if t[-9:-1] != "AAAAAAAA" else "BBBBBBBB") + t[-1],
    ):
        url, flow_secrets = provider.begin(BACK)
        _, answer = fake.exchange(
            {"code": fake.visited(url), "redirect_uri": BACK, "code_verifier": flow_secrets.verifier}
        )
        good = {**answer}
        answer["id_token"] = change(answer["id_token"])
        fake.says["/token"] = (200, json.dumps(answer).encode())
        unsigned = "provider_unavailable" if answer["id_token"] == 7 else "provider_refused"
        refused(lambda: provider.finish("any", flow_secrets, BACK), unsigned)  # noqa: B023
        fake.says["/token"] = (200, json.dumps(good).encode())
        provider.finish("any", flow_secrets, BACK)


def test_a_code_is_good_once_and_for_who_began(provider: Provider, fake: Fake) -> None:
    url, flow_secrets = provider.begin(BACK)
    code = fake.visited(url)
    fake.codes["stolen"] = dict(fake.codes[code])
    provider.finish(code, flow_secrets, BACK)
    refused(lambda: provider.finish(code, flow_secrets, BACK))
    refused(lambda: provider.finish("stolen", flow_secrets._replace(verifier="x" * 43), BACK))
    refused(lambda: provider.finish("", Secrets("", "", ""), BACK))


def test_an_id_token_of_another_sign_in_is_refused(provider: Provider, fake: Fake) -> None:
    """Somebody's code, put into a browser that began on its own."""
    url, flow_secrets = provider.begin(BACK)
    code = fake.visited(url)
    refused(lambda: provider.finish(code, flow_secrets._replace(nonce="n" * 43), BACK))


def test_a_client_the_provider_does_not_know_is_told_which_setting_is_wrong(provider: Provider, fake: Fake) -> None:
    fake.says["/token"] = (401, b'{"error": "invalid_client"}')
    with pytest.raises(NotSignedIn, match="ONEFOLD_OIDC_CLIENT_ID") as caught:
        sign_in(provider, fake)
    assert caught.value.code == "provider_refused"


def test_what_it_publishes_is_asked_for_once_and_again_when_its_keys_change(provider: Provider, fake: Fake) -> None:
    for _ in range(3):
        sign_in(provider, fake)
    assert (fake.asked.count("/.well-known/openid-configuration"), fake.asked.count("/keys")) == (1, 1)
    fake.key = RSAKey.generate_key(2048, {"kid": "new"})
    fake.listed = [fake.key.as_dict(private=False)]
    sign_in(provider, fake)
    sign_in(provider, fake)
    assert (fake.asked.count("/.well-known/openid-configuration"), fake.asked.count("/keys")) == (1, 2)


def test_keys_it_has_withdrawn_are_good_for_an_hour_at_most(
    provider: Provider, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(provider, fake)
    fake.listed = [EC.as_dict(private=False)]
    sign_in(provider, fake)
    later = time.monotonic() + 3_601
    monkeypatch.setattr(oidc.time, "monotonic", lambda: later)
    refused(lambda: sign_in(provider, fake))


def test_keys_of_kinds_nobody_knows_stand_beside_good_ones(provider: Provider, fake: Fake) -> None:
    fake.listed = [
        {"kty": "ML-DSA"},
        {"kty": "EC", "crv": "P-999", "x": "AA", "y": "AA"},
        {"kty": "RSA"},
        7,
        None,
        *fake.listed,
    ]
    sign_in(provider, fake)


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/keys", "/token"])
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b"{}"),
        (302, b"{}"),
        (404, b"{}"),
        (429, b"{}"),
        (200, b""),
        (200, b"<html>"),
        (200, b"[]"),
        (200, b"\xff"),
        (200, b"[" * 100_000),
        (200, b'{"keys": "x"}' + b" " * 2_000_000),
    ],
    ids=lambda value: str(value)[:12],
)
def test_a_provider_that_answers_nonsense_is_not_available(
    provider: Provider, fake: Fake, path: str, status: int, body: bytes
) -> None:
    fake.says[path] = (status, body)
    refused(lambda: sign_in(provider, fake), "provider_unavailable")
    fake.says.clear()
    sign_in(provider, fake)


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://elsewhere.example"},
        {"issuer": None},
        {"token_endpoint": None},
        {"jwks_uri": 7},
        {"token_endpoint": "http://192.0.2.1/token"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"jwks_uri": "https://"},
        {"jwks_uri": "http://[x"},
    ],
    ids=str,
)
def test_a_provider_that_describes_itself_wrongly_is_not_available(
    provider: Provider, fake: Fake, metadata: dict[str, Any]
) -> None:
    fake.metadata |= metadata
    refused(lambda: sign_in(provider, fake), "provider_unavailable")


def test_a_provider_that_never_comes_to_an_end_is_not_waited_for(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then does not prolong the time it has."""
    monkeypatch.setattr(oidc, "_SECONDS", 0.5)
    fake.drips = True
    begun = time.monotonic()
    refused(lambda: Provider(fake.issuer, "kite", "").begin(BACK), "provider_unavailable")
    assert time.monotonic() - begun < 5 < 0.05 * len(json.dumps(fake.metadata))


def test_a_provider_that_is_away_is_not_available(fake: Fake) -> None:
    provider = Provider(fake.issuer, "kite", "")
    fake.shutdown()
    fake.server_close()
    refused(lambda: provider.begin(BACK), "provider_unavailable")


@pytest.mark.parametrize("issuer", ["http://accounts.example", "accounts.example", "", "https://", "ftp://x.example"])
def test_an_issuer_is_https(issuer: str) -> None:
    with pytest.raises(InvalidValue, match="ONEFOLD_OIDC_ISSUER") as caught:
        Provider(issuer, "kite", "")
    assert caught.value.code == "https_required"
