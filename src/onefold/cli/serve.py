"""`onefold serve` and `onefold demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from onefold.cli.shared import fail, open_database, out
from onefold.core.errors import DomainError
from onefold.core.process_settings import Settings
from onefold.server.options import OPTIONS
from onefold.wiring import refuse_powerful_role


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; else ONEFOLD_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; else ONEFOLD_PORT.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes; more than one needs PostgreSQL.")] = 1,
) -> None:
    """Serve the API."""
    settings = Settings()  # type: ignore[call-arg]
    database = open_database()
    if workers > 1 and database.is_sqlite:
        fail("SQLite has one writer at a time: several processes need PostgreSQL (ONEFOLD_DATABASE_URL).")
    try:
        refuse_powerful_role(database, settings)
    except DomainError as refusal:
        fail(refusal.detail)
    database.dispose()
    _serve(host or settings.host, port or settings.port, workers)


def _serve(host: str, port: int, workers: int = 1) -> None:
    import uvicorn  # here, because no other command needs a server

    uvicorn.run(
        "onefold.app:create_app",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        log_level="warning",
        **OPTIONS,
    )


def demo(
    folder: Annotated[Path, typer.Option(writable=True, help="Where the sample base is kept.")] = Path("var"),
    port: Annotated[int, typer.Option(help="Port to listen on; the next free one if it is taken.")] = 8000,
    customers: Annotated[int, typer.Option(min=1, max=100_000, help="How many sample customers.")] = 400,
    serve: Annotated[bool, typer.Option(help="Serve afterwards.")] = True,
) -> None:
    """Serve a sample base of several hundred customers on an embedded SQLite file."""
    from onefold import demo as sample  # here, because no other command needs its names

    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = (folder / "demo.db").resolve()
    made = sample.prepare(path, customers, out)
    free = sample.free_port(port)
    out.print(sample.welcome(made, free), highlight=False, soft_wrap=True, markup=False)
    if serve:
        import os

        os.environ["ONEFOLD_DATABASE_URL"] = f"sqlite:///{path}"
        sample.open_when_ready(made, free)
        _serve("127.0.0.1", free)
