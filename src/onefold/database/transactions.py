"""One use case, one transaction: done again where another was faster."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from onefold.core.errors import InvalidValue, Unavailable
from onefold.database.engine import Database, RetryTransaction, UnitOfWork, Unstorable

_ATTEMPTS = 12
T = TypeVar("T")


def run_in_transaction(
    database: Database, organization_id: int, work: Callable[[UnitOfWork], T], *, exclusive: bool = False
) -> T:
    """What `work` returns, once it is committed. `work` may run several times; `exclusive` keeps all other writers out.

    Raises Unavailable where storage cannot take it now, and whatever `work` refuses; then nothing is changed.
    """
    for _ in range(_ATTEMPTS):
        try:
            with database.write(organization_id, exclusive=exclusive) as unit:
                return work(unit)
        except RetryTransaction:
            continue
        except Unstorable:
            raise InvalidValue("The database refused a value of this request.", code="not_storable") from None
    raise Unavailable("Others change the same profile too fast; try again in a moment.", code="contended")
