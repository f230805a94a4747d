"""docs/matching.md shows the weights an organization begins with; this keeps it true."""

from __future__ import annotations

import re
from pathlib import Path

from onefold.organizations.match_weights import DEFAULT_WEIGHTS

MATCHING = Path(__file__).parents[2] / "docs" / "matching.md"
_ROW = re.compile(r"\| `(\w+)` \| ([0-9.]+) \| ([0-9.]+) \| ([+−][0-9.]+) \|")


def test_the_documented_weights_are_those_in_use__SUG_5() -> None:
    documented = {
        feature: (float(m), float(u), float(bits.replace("−", "-").replace("+", "")))
        for feature, m, u, bits in _ROW.findall(MATCHING.read_text(encoding="utf-8"))
    }
    assert documented == {name: (w.m, w.u, round(w.bits, 2)) for name, w in DEFAULT_WEIGHTS.items()}
