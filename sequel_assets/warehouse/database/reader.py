"""What runs SELECTs: a connection to the warehouse, or an engine over a lake that answers the same."""

from typing import Any, Protocol

import sqlalchemy as sa


class Reader(Protocol):
    """Runs a SELECT and returns its rows with the types of the warehouse; `sqlalchemy.Connection` is one."""

    def execute(self, statement: Any, /) -> sa.Result[Any]:
        """Return the rows of a SELECT."""

    def scalars(self, statement: Any, /) -> sa.ScalarResult[Any]:
        """Return the first column of a SELECT."""
