"""What browsers send: form fields as texts, and requests that another site has made refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, cast
from urllib.parse import parse_qsl, urlsplit

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from onefold.core.errors import InvalidValue, NotAllowed
from onefold.core.process_settings import Settings

_READING = frozenset(("GET", "HEAD", "OPTIONS"))
_MOST_FIELDS = 2_000


class Form:
    """The fields of a form. Line ends are one character, as they were typed."""

    def __init__(self, fields: Sequence[tuple[str, str]]) -> None:
        self._fields, self._last = fields, dict(fields)

    @property
    def fields(self) -> Sequence[tuple[str, str]]:
        """Every field as it was sent, in order."""
        return self._fields

    def has(self, name: str) -> bool:
        """Whether the form has such a field at all."""
        return name in self._last

    def text(self, name: str) -> str:
        """A field as it was typed; empty where it is missing."""
        return self._last.get(name, "").replace("\r\n", "\n")

    def line(self, name: str) -> str | None:
        """A field without the spaces around it; None where nothing is left."""
        return self.text(name).strip() or None

    def every(self, name: str) -> list[str]:
        """All values of a field."""
        return [value for field, value in self._fields if field == name]

    def flag(self, name: str) -> bool:
        """Whether a box is ticked."""
        return self.text(name) not in ("", "0")

    def number(self, name: str) -> int | None:
        """A whole number; None where the field is empty. Raises InvalidValue."""
        text = self.line(name)
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and len(text) < 18):
            raise InvalidValue(f"{name} is no whole number.", code="invalid_number", field=name)
        return int(text)

    def beginning(self, prefix: str) -> dict[str, str]:
        """Every field whose name begins so, by the rest of its name."""
        return {
            name.removeprefix(prefix): self.text(name)
            for name in self._last
            if name.startswith(prefix) and name != prefix
        }


async def _form(request: Request) -> Form:
    # Our pages send no other kind; of this one nobody but us chooses how its bytes become text.
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() == "multipart/form-data":
        raise InvalidValue("This is no form of ours; files are not taken here.", code="invalid_form")
    body = await request.body()
    try:
        request.state.form = await run_in_threadpool(_read, body)
        return cast(Form, request.state.form)
    except ValueError:
        raise InvalidValue("This form has more fields than any of ours.", code="form_too_large") from None


def _read(body: bytes) -> Form:
    return Form(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MOST_FIELDS))


AnyForm = Annotated[Form, Depends(_form)]
"""The parameter of every route that a form is sent to."""


async def taken_in(request: Request) -> None:
    """Reads what was sent before anything else is waited for: a form counts though its sender has left since (MRG-10).
    Once the connection is closed there is nothing to read any more, and a busy server may be later than that."""
    await request.body()


def same_origin(request: Request) -> None:
    """Raises NotAllowed for a change that another site's page has asked a browser for.

    Browsers say of every request where it comes from (Sec-Fetch-Site, else Origin); one that says neither is no browser
    that a session should be trusted with.
    """
    if request.method not in _READING and not _asked_by_us(request, "origin"):
        raise NotAllowed("This was asked for by another site's page, so it was not done.", code="cross_site")


def followed_here(request: Request) -> bool:
    """Whether somebody has followed a link of a page of this site to this address; not even a picture there has."""
    is_document = request.headers.get("sec-fetch-dest", "document") == "document"
    return is_document and _asked_by_us(request, "referer")  # browsers send no Origin with what only reads


def _asked_by_us(request: Request, else_by: str) -> bool:
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    settings: Settings = request.app.state.settings
    hosts = {request.headers.get("host", ""), urlsplit(settings.public_url).netloc} - {""}
    return _host(request.headers.get(else_by, "")) in hosts


def _host(address: str) -> str:
    try:
        return urlsplit(address).netloc
    except ValueError:  # whatever a client may send
        return ""
