"""How much each feature of two profiles says: data, that an organization may change (SUG-5)."""

from __future__ import annotations

import math
from typing import NamedTuple


class Weight(NamedTuple):
    """How often something is seen between two profiles of one customer (`m`), and of two customers (`u`)."""

    m: float
    u: float

    @property
    def bits(self) -> float:
        """What seeing it adds to the sum."""
        return math.log2(self.m / self.u)


DEFAULT_WEIGHTS: dict[str, Weight] = {
    "prior": Weight(0.02, 0.98),
    "customer_id": Weight(0.95, 0.0001),
    "customer_id_differs": Weight(0.02, 0.99),
    "email": Weight(0.9, 0.0005),
    "role_email": Weight(0.5, 0.02),
    "same_mailbox": Weight(0.8, 0.0008),
    "mistyped_domain": Weight(0.5, 0.0015),
    "typing_slip": Weight(0.3, 0.008),
    "thread": Weight(0.3, 0.02),
    "browser": Weight(0.8, 0.002),
    "social": Weight(0.9, 0.0005),
    "handle": Weight(0.4, 0.035),
    "mobile": Weight(0.85, 0.001),
    "phone": Weight(0.6, 0.01),
    "name": Weight(0.65, 0.02),
    "name_similar": Weight(0.2, 0.03),
    "name_differs": Weight(0.1, 0.96),
    "address": Weight(0.5, 0.01),
    "address_differs": Weight(0.4, 0.98),
    "birth_date": Weight(0.95, 0.003),
    "birth_date_differs": Weight(0.02, 0.99),
}
"""The weights an organization begins with; docs/matching.md says how they were chosen."""
