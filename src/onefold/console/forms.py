"""What browsers send: form fields as texts, and requests that another site has made refused."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request
from starlette.datastructures import FormData

from onefold.domain.errors import InvalidValue, NotAllowed
from onefold.settings import Settings

_READING = frozenset(("GET", "HEAD", "OPTIONS"))


class Form:
    """The fields of a form. Line ends are one character, as they were typed."""

    def __init__(self, data: FormData) -> None:
        self._data = data

    def text(self, name: str) -> str:
        """A field as it was typed; empty where it is missing."""
        value = self._data.get(name, "")
        return value.replace("\r\n", "\n") if isinstance(value, str) else ""

    def line(self, name: str) -> str | None:
        """A field without the spaces around it; None where nothing is left."""
        return self.text(name).strip() or None

    def every(self, name: str) -> list[str]:
        """All values of a field."""
        return [value for value in self._data.getlist(name) if isinstance(value, str)]

    def flag(self, name: str) -> bool:
        """Whether a box is ticked."""
        return self.text(name) not in ("", "0")

    def number(self, name: str) -> int | None:
        """A whole number; None where the field is empty. Raises InvalidValue."""
        given = self.line(name)
        if given is None:
            return None
        if not (given.isascii() and given.isdigit() and len(given) < 18):
            raise InvalidValue(f"{name} is no whole number.", code="invalid_number", field=name)
        return int(given)

    def beginning(self, prefix: str) -> dict[str, str]:
        """Every field whose name begins so, by the rest of its name."""
        return {
            name.removeprefix(prefix): self.text(name)
            for name in self._data
            if name.startswith(prefix) and name != prefix
        }


async def _form(request: Request) -> Form:
    return Form(await request.form(max_files=0, max_fields=2_000))


AnyForm = Annotated[Form, Depends(_form)]
"""The parameter of every route that a form is sent to."""


def same_origin(request: Request) -> None:
    """Raises NotAllowed for a change that another site's page has asked a browser for.

    Browsers say of every request where it comes from (Sec-Fetch-Site, else Origin); one that says neither is no browser
    that a session should be trusted with.
    """
    if request.method in _READING:
        return
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        ours = site == "same-origin"
    else:
        settings: Settings = request.app.state.settings
        hosts = {request.headers.get("host", ""), urlsplit(settings.public_url).netloc} - {""}
        ours = urlsplit(request.headers.get("origin", "")).netloc in hosts
    if not ours:
        raise NotAllowed("This was asked for by another site's page, so it was not done.", code="cross_site")
