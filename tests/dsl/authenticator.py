"""A device that makes passkeys (WebAuthn level 3), in software: an ES256 key, no attestation."""

from __future__ import annotations

import hashlib
import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

USER_PRESENT, USER_VERIFIED, HAS_KEY = 0x01, 0x04, 0x40


def b64(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Authenticator:
    """A device with one passkey. What it is asked, and how it answers, can be changed piece by piece."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.credential_id = os.urandom(32)
        self.user_handle = b""
        self.uses = 0

    def make(self, options: str, origin: str, **changed: Any) -> str:
        """What the browser answers when it is asked to make a passkey."""
        asked = json.loads(options)
        self.user_handle = unb64(asked["user"]["id"])
        numbers = self.key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        attested = bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id + cbor2.dumps(cose)
        data = self._data(changed.get("host", asked["rp"]["id"]), HAS_KEY | changed.get("flags", USER_VERIFIED))
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data + attested})
        client = self._client("webauthn.create", changed.get("challenge", asked["challenge"]), origin)
        return self._answer({"clientDataJSON": b64(client), "attestationObject": b64(attestation)})

    def use(self, options: str, origin: str, **changed: Any) -> str:
        """What the browser answers when it is asked to sign in."""
        asked = json.loads(options)
        self.uses = changed.get("uses", self.uses + 1)
        data = self._data(changed.get("host", asked["rpId"]), changed.get("flags", USER_VERIFIED))
        client = self._client("webauthn.get", changed.get("challenge", asked["challenge"]), origin)
        key = changed.get("key", self.key)
        signature = key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        response = {"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(signature)}
        return self._answer({**response, "userHandle": b64(changed.get("user_handle", self.user_handle))})

    def _data(self, host: str, flags: int) -> bytes:
        return hashlib.sha256(host.encode()).digest() + bytes([USER_PRESENT | flags]) + self.uses.to_bytes(4, "big")

    def _client(self, kind: str, challenge: str, origin: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": False}).encode()

    def _answer(self, response: dict[str, str]) -> str:
        name = b64(self.credential_id)
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": response})
