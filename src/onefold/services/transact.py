"""One use case, one transaction: done again where another was faster."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from onefold.domain.errors import InvalidValue, Unavailable
from onefold.storage.database import Contended, Database, Unit, Unstorable

_ATTEMPTS = 12
T = TypeVar("T")


def transact(database: Database, organization_id: int, work: Callable[[Unit], T], *, alone: bool = False) -> T:
    """What `work` returns, once it is committed. `work` may run several times; `alone` keeps all other writers out.

    Raises Unavailable where storage cannot take it now, and whatever `work` refuses; then nothing is changed.
    """
    for _ in range(_ATTEMPTS):
        try:
            with database.write(organization_id, alone=alone) as unit:
                return work(unit)
        except Contended:
            continue
        except Unstorable:
            raise InvalidValue("The database refused a value of this request.", code="not_storable") from None
    raise Unavailable("Others change the same profile too fast; try again in a moment.", code="contended")
