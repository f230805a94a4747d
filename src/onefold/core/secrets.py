"""Secrets that the database keeps, sealed by a key that it does not have (ASVS 5.0 V11, V13.3).

The key is a file beside the service: a copy of the database, or of a backup, opens nothing. A new key goes on top of
the file; what older ones have sealed is opened by them, as long as they are in it.
"""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from onefold.core.errors import Conflict
from onefold.core.private_files import make_private

_SEALED = "sealed:"


class SecretBox:
    """Seals and opens. Without keys what it is given stays as it is, and nothing sealed can be opened."""

    def __init__(self, keys: list[bytes]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys]) if keys else None

    def seal(self, secret: str) -> str:
        """The secret as it is stored."""
        return secret if self._fernet is None else _SEALED + self._fernet.encrypt(secret.encode()).decode()

    def open(self, stored: str) -> str:
        """The secret again; one that was stored before there was a key is as it was. Raises Conflict
        `secret_key_missing`."""
        return self.open_sealed(stored) if is_sealed(stored) else stored

    def open_sealed(self, sealed: str) -> str:
        """What a key of this box has sealed, and nothing else. Raises Conflict `secret_key_missing`."""
        try:
            if self._fernet is not None and is_sealed(sealed):
                return self._fernet.decrypt(sealed.removeprefix(_SEALED).encode()).decode()
        except InvalidToken:
            pass
        raise Conflict(
            "A secret was sealed by a key that this process does not have. Give it the file it was sealed with "
            "(ONEFOLD_SECRET_KEY_FILE).",
            code="secret_key_missing",
        )

    @property
    def seals(self) -> bool:
        """Whether there is a key."""
        return self._fernet is not None


WITHOUT_KEY = SecretBox([])
"""For a database that no settings have been read for."""


def is_sealed(stored: str) -> bool:
    """Whether this is no secret itself."""
    return stored.startswith(_SEALED)


def box_of(path: Path) -> SecretBox:
    """The box of a key file, which is made where there is none. Raises Conflict `secret_key_unreadable`."""
    try:
        if not path.exists():
            _make_key(path)
        make_private(path)
        return SecretBox(path.read_bytes().split())
    except OSError as error:
        raise Conflict(
            f"The key file {path} cannot be read or made: {error.strerror}. Set ONEFOLD_SECRET_KEY_FILE.",
            code="secret_key_unreadable",
        ) from None
    except ValueError:
        raise Conflict(
            f"{path} is no key file: each line is 32 bytes in URL-safe Base64.", code="secret_key_unreadable"
        ) from None


def _make_key(path: Path) -> None:
    """Whole or not at all, and once, whoever else is at it."""
    part = path.with_name(f"{path.name}.{os.getpid()}")
    make_private(part)
    part.write_bytes(Fernet.generate_key() + b"\n")
    try:
        os.link(part, path)
    except FileExistsError:
        pass  # another process was faster, and its key is the key
    finally:
        part.unlink()
