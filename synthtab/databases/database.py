"""Tables of databases, read in bounded memory through SQLAlchemy, and never written to.

A database is read in one transaction, so that all its tables are of the same moment. Rows come in
the order of the primary key where there is one, so that their numbers are the same the next time.

PostgreSQL hands over every column but integers and bytes as text: its numerals are exact, floats
the shortest that stand for them, and dates Python has no value for (``infinity``) can be shown.
SQLite hands over what each cell holds, whatever its column is declared as.
"""

from __future__ import annotations

import difflib
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.sql import quoted_name

from synthtab.batch import Batch
from synthtab.codec import Problem, encode_arrays, merge_problems, misfit
from synthtab.databases.address import Address, hidden
from synthtab.databases.cells import Kind, bytes_among, to_arrow, to_series
from synthtab.databases.connect import connected, speaking
from synthtab.errors import DataError
from synthtab.files import Progress
from synthtab.frames import check_names
from synthtab.schema import Column

ROWS = 16_384
TABLES_SHOWN = 20


@dataclass(frozen=True)
class Database:
    """An open database: its connection, and the address it was opened by."""

    connection: sa.Connection
    address: Address

    @property
    def _is_postgresql(self) -> bool:
        return self.connection.dialect.name == "postgresql"

    def tables(self, schema: str | None = None, *, views: bool = False) -> tuple[str, ...]:
        """Return the names of a schema's tables (and views), sorted; None is the usual schema."""
        with speaking(self.address):
            inspector = sa.inspect(self.connection)
            names = list(inspector.get_table_names(schema))
            if views:
                names += inspector.get_view_names(schema)
                if self._is_postgresql:
                    names += inspector.get_materialized_view_names(schema)
        return tuple(sorted(names))

    def has(self, address: Address) -> bool:
        """Say whether there is the table, or a view, that an address names.

        Raises DataError where there is not even the schema.
        """
        assert address.table is not None
        with speaking(self.address):
            inspector = sa.inspect(self.connection)
            schemas = inspector.get_schema_names() if address.schema is not None else []
            if address.schema is None or address.schema in schemas:
                return bool(inspector.has_table(address.table, address.schema))
        raise DataError(
            f"{hidden(address.url)} has no schema `{address.schema}`; its schemas: "
            f"{listed(schemas)}"
        )

    def batches(
        self,
        address: Address,
        columns: Sequence[Column],
        rows: int = ROWS,
        *,
        ignore_extra: bool = False,
        progress: Progress | None = None,
    ) -> Iterator[Batch]:
        """Read a table as batches of at most ``rows`` rows; no more of it is in memory.

        Each batch has its own pool of strings. Raises DataError where there is no such table, at
        the first batch with a cell of a wrong type (naming all such cells of it), and when columns
        are missing or undeclared.
        """
        there = self._columns(address)
        check_names(columns, [c.name for c in there], name=str(address), ignore_extra=ignore_extra)
        wanted = [next(t for t in there if t.name == c.name) for c in columns]
        first = 1
        for cells in self._cells(address, wanted, rows, progress):
            problems: list[Problem] = []
            arrays = []
            for column, values in zip(columns, cells, strict=True):
                raw = bytes_among(column, values, first)
                if raw is not None:
                    problems.append(raw)
                    values = tuple(None if isinstance(v, bytes) else v for v in values)
                arrays.append(to_arrow(values))
            batch, found = encode_arrays(columns, arrays, first)
            if problems or found:
                raise misfit(str(address), merge_problems([*problems, *found]))
            yield batch
            first += len(batch)

    def frame(self, address: Address, progress: Progress | None = None) -> pd.DataFrame:
        """Read a whole table without knowing its columns, for a schema to be inferred.

        Integers are Int64, exact numbers Int64 or Arrow decimals, floats float64, booleans boolean,
        dates and times Arrow's, all else str. Raises DataError.
        """
        there = self._columns(address)
        if not there:  # PostgreSQL allows it
            return pd.DataFrame()
        pieces: list[list[pa.Array]] = [[] for _ in there]
        for cells in self._cells(address, there, ROWS, progress):
            for at, values in enumerate(cells):
                pieces[at].append(to_arrow(values))
        series = {c.name: to_series(c.kind, pieces[at]) for at, c in enumerate(there)}
        return pd.DataFrame(series)

    def unknown(self, *addresses: Address) -> DataError:
        """Return the error for tables of one schema that are not there; it names those that are."""
        place = Address(addresses[0].url, addresses[0].schema)
        wanted = [a.table or "" for a in addresses]
        names = self.tables(place.schema, views=True)
        folded = {n.casefold(): n for n in names}
        close = difflib.get_close_matches(wanted[0].casefold(), folded, 1)
        hint = f" (is it `{folded[close[0]]}`?)" if close and len(wanted) == 1 else ""
        missing = f"no table {listed(wanted)}" if len(wanted) == 1 else f"none of {listed(wanted)}"
        there = f"its tables: {listed(names)}" if names else "it has no tables"
        return DataError(f"{place} has {missing}{hint}; {there}")

    def _columns(self, address: Address) -> list[_Stored]:
        assert address.table is not None
        if not self.has(address):
            raise self.unknown(address)
        with speaking(self.address):
            found = sa.inspect(self.connection).get_columns(address.table, address.schema)
        return [_Stored(str(c["name"]), c["type"]) for c in found]

    def _cells(
        self, address: Address, wanted: Sequence[_Stored], rows: int, progress: Progress | None
    ) -> Iterator[list[tuple[object, ...]]]:
        """Yield at most ``rows`` rows at a time, as one tuple of cells for each column."""
        assert address.table is not None
        names = [quoted_name(c.name, quote=True) for c in wanted]
        schema = None if address.schema is None else quoted_name(address.schema, quote=True)
        with speaking(self.address):
            key = sa.inspect(self.connection).get_pk_constraint(address.table, address.schema)
            order: list[sa.ColumnClause[object]] = [
                sa.column(quoted_name(n, quote=True)) for n in key["constrained_columns"]
            ]
            known = dict.fromkeys([*names, *(c.name for c in order)])
            table = sa.table(
                quoted_name(address.table, quote=True), *map(sa.column, known), schema=schema
            )
            total = self.connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
            as_text = self._is_postgresql
            chosen = [
                sa.cast(table.c[name], sa.Text) if as_text and not c.is_plain else table.c[name]
                for name, c in zip(names, wanted, strict=True)
            ]
            query = sa.select(*chosen).order_by(*(table.c[c.name] for c in order))
            stream = {"stream_results": True, "yield_per": rows}
            result = self.connection.execute(query, execution_options=stream)
        done = 0
        with result:
            parts = result.partitions()
            while True:
                with speaking(self.address):
                    part = next(parts, None)
                if part is None:
                    return
                yield list(zip(*part, strict=True))
                done += len(part)
                if progress is not None and total:
                    progress(min(1.0, done / total))


@dataclass(frozen=True)
class _Stored:
    """A column as the database declares it."""

    name: str
    type: sa.types.TypeEngine[object]

    @property
    def is_plain(self) -> bool:
        """Whether PostgreSQL is to hand over its cells as they are, not as text."""
        return isinstance(self.type, sa.Integer | sa.LargeBinary)

    @property
    def kind(self) -> Kind:
        """What the declared type is to a DataFrame."""
        found = getattr(self.type, "data_type", self.type)  # what a domain is made of
        match found:
            case sa.Boolean():
                return Kind.boolean
            case sa.Integer():
                return Kind.integer
            case sa.Float():
                return Kind.floating
            case sa.Numeric():
                return Kind.exact
            case sa.DateTime():
                return Kind.instant if found.timezone else Kind.moment
            case sa.Date():
                return Kind.day
        return Kind.other


@contextmanager
def opened(address: Address) -> Generator[Database]:
    """Open the database of an address until the block ends; raises what ``connected`` does."""
    with connected(address) as connection:
        yield Database(connection, address)


def listed(names: Sequence[str]) -> str:
    """Return names for a message, not too many of them."""
    shown = ", ".join(f"`{n}`" for n in names[:TABLES_SHOWN])
    more = len(names) - TABLES_SHOWN
    return f"{shown} and {more:,} more" if more > 0 else shown
