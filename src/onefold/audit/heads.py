"""Heads of audit logs, kept where the database's owner cannot reach them: what a log was at some time (MRG-14).

A log that was cut off, or written anew as a whole, fits together in itself; it does not fit a head of before. One line
of JSON each, so that a file of them can be appended to, copied and read by anything. Signed with an Ed25519 key that is
not in the database, a head cannot be made up by whoever changes the file either.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from onefold.core.errors import InvalidValue


class Head(NamedTuple):
    """An organization's newest entry at a time (UTC), by number and hash. `signature` is Base64, or empty."""

    organization_id: int
    seq: int
    hash: str
    at: datetime
    signature: str = ""

    @property
    def signed_bytes(self) -> bytes:
        """What a signature is of."""
        return f"{self.organization_id} {self.seq} {self.hash} {self.at.isoformat()}".encode()

    def sign(self, key: Ed25519PrivateKey) -> Head:
        """The head with a signature by this key."""
        return self._replace(signature=base64.b64encode(key.sign(self.signed_bytes)).decode())

    def is_signed_by(self, key: Ed25519PublicKey) -> bool:
        """Whether the signature is one of this key's."""
        try:
            key.verify(base64.b64decode(self.signature, validate=True), self.signed_bytes)
        except (InvalidSignature, ValueError):
            return False
        return True

    def as_line(self) -> str:
        """The head as a line of a file."""
        return json.dumps({**self._asdict(), "at": self.at.isoformat()}) + "\n"


def read_heads(lines: Iterable[str], key: Ed25519PublicKey | None) -> list[Head]:
    """The heads of a file; with a key, all of them signed by it. Raises InvalidValue `head_unreadable` and
    `head_not_signed`, by the line's number."""
    heads = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
            head = Head(
                organization_id=int(fields["organization_id"]),
                seq=int(fields["seq"]),
                hash=str(fields["hash"]),
                at=datetime.fromisoformat(fields["at"]),
                signature=str(fields.get("signature", "")),
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            raise InvalidValue(f"Line {number} is no head of an audit log.", code="head_unreadable") from None
        if key is not None and not head.is_signed_by(key):
            raise InvalidValue(f"The head in line {number} is not signed by this key.", code="head_not_signed")
        heads.append(head)
    return heads


def read_private_key(pem: bytes) -> Ed25519PrivateKey:
    """The key that signs heads; raises InvalidValue `key_unreadable`."""
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise InvalidValue("This is no Ed25519 private key in PEM without a password.", code="key_unreadable")
    return key


def read_public_key(pem: bytes) -> Ed25519PublicKey:
    """The key that heads are checked by; raises InvalidValue `key_unreadable`."""
    try:
        key = load_pem_public_key(pem)
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise InvalidValue("This is no Ed25519 public key in PEM.", code="key_unreadable")
    return key
