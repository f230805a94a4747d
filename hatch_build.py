"""Takes htmx out of the installed django-htmx wheel, so that nothing of other people's code is in the repository."""

from __future__ import annotations

from importlib.metadata import files
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_VENDORED = ("htmx-2.min.js", "htmx.min.js")  # as the wheel has called it, newest first
_TARGET = Path("src/onefold/console/static/vendor/htmx.min.js")


class HtmxHook(BuildHookInterface):  # type: ignore[type-arg]
    """Puts htmx where the console serves it from. Django itself is needed neither here nor at run time."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        by_name = {Path(file).name: file for file in files("django-htmx") or ()}
        found = next(by_name[name] for name in _VENDORED if name in by_name)
        target = Path(self.root) / _TARGET
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(Path(str(found.locate())).read_bytes())
