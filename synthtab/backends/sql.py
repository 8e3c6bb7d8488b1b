"""Tables and rules as DuckDB's SQL, and rows judged by DuckDB itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, TypeGuard

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from synthtab.backends import sqltext
from synthtab.backends.sqlcreate import create
from synthtab.backends.sqldata import attach
from synthtab.backends.sqldialect import Dialect
from synthtab.backends.sqlnames import Names
from synthtab.backends.sqlrules import Translator
from synthtab.backends.sqltext import TooWideError
from synthtab.backends.support import Supports
from synthtab.batch import Mask
from synthtab.errors import DataError, UsageError
from synthtab.ir import nodes

if TYPE_CHECKING:
    import pandas as pd


class SqlBackend:
    """One table's rules for DuckDB, under the names its columns really have.

    What one row decides is exact; a number that may need more than the 38 digits DuckDB computes
    with is refused (:class:`TooWideError`), never rounded.
    """

    supports: ClassVar[Supports] = Dialect.supports

    def __init__(self, table: nodes.Table, dialect: Literal["duckdb"] = "duckdb") -> None:
        if dialect != "duckdb":
            raise UsageError(f"unknown SQL dialect {dialect!r}; known: duckdb")
        self.table = table
        self._names = {c.name: sqltext.identifier(c.name) for c in table.columns}

    def check_expression(self, rule: nodes.RowRule) -> str:
        """Return the rule as a boolean SQL expression, FALSE exactly where it is broken.

        Numbers are exact; where a sum or product of columns may need more digits than DuckDB
        computes with, given the columns' declared ranges, TooWideError says so.
        """
        try:
            translator = Translator(self.table, self._names, declared=True)
            return translator.condition(rule.condition).text
        except TooWideError as error:
            raise TooWideError(f"rule {rule.name!r}: {error}") from None

    def enforced(self, rule: nodes.Rule) -> bool:
        """Say whether a constraint of CREATE TABLE can see to it that the rule is kept.

        A reference to the table itself is enforced too; DuckDB has no cycles of several tables.
        """
        hard = rule in self.table.row_rules or rule in self.table.unique_rules
        return hard or (isinstance(rule, nodes.ReferenceRule) and rule.share is None)

    def create_table(self) -> str:
        """Return a CREATE TABLE statement with a named constraint for each range, rule and key.

        Rules that no constraint can enforce are left out (:meth:`enforced`); backends/sqlscript.py
        has queries for them.
        """
        for rule in self.table.row_rules:
            self.check_expression(rule)
        dialect = Dialect()
        parents = [_parent(self.table, r) for r in self.table.rules if _leads_out(r, self.table)]
        known = [self.table, *parents]
        made = create(self.table, dialect, Names(), [t.name for t in known], known)
        return f"{made.statements[0]};\n"

    def violated(self, source: pd.DataFrame | str | Path) -> Mask:
        """Return which row breaks which row rule, (rows, rules) bool, as DuckDB sees it.

        ``source`` is a DataFrame, or the path of a CSV (.csv, .csv.gz) or Parquet file, with the
        table's columns under their names. Raises DataError where the values do not have the
        declared types.
        """
        return self.truth(source)[1]

    def truth(self, source: pd.DataFrame | str | Path) -> tuple[Mask, Mask]:
        """Return (true, false), each (rows, rules) bool; where neither is, a rule is UNKNOWN."""
        connection = duckdb.connect()
        try:
            relation, names = attach(connection, self.table.columns, source, "rows")
            conditions = [self._condition(r, names) for r in self.table.row_rules]
            if not conditions:
                rows = connection.execute(f"SELECT count(*) FROM {relation}").fetchall()[0][0]
                return np.zeros((rows, 0), dtype=bool), np.zeros((rows, 0), dtype=bool)
            shown = ", ".join(f"({c}) AS r{k}" for k, c in enumerate(conditions))
            found: pa.Table = connection.sql(f"SELECT {shown} FROM {relation}").to_arrow_table()
        except duckdb.Error as error:
            raise DataError(f"DuckDB cannot judge the rows: {error}") from error
        finally:
            connection.close()
        true = [_as_mask(found.column(k), True) for k in range(len(conditions))]
        false = [_as_mask(found.column(k), False) for k in range(len(conditions))]
        return np.stack(true, axis=1), np.stack(false, axis=1)

    def _condition(self, rule: nodes.RowRule, names: dict[str, str]) -> str:
        # Rows under judgement may be outside the declared ranges, so their types bound them if
        # DuckDB's numbers are wide enough for that.
        try:
            return Translator(self.table, names, declared=False).condition(rule.condition).text
        except TooWideError:
            return Translator(self.table, names, declared=True).condition(rule.condition).text


def _leads_out(rule: nodes.Rule, table: nodes.Table) -> TypeGuard[nodes.ReferenceRule]:
    return isinstance(rule, nodes.ReferenceRule) and rule.parent != table.name


def _parent(table: nodes.Table, rule: nodes.ReferenceRule) -> nodes.Table:
    """Return as much of the table referred to as the reference tells."""
    pairs = zip(rule.columns, rule.parent_columns, strict=True)
    columns = (replace(table.column(own), name=other) for own, other in pairs)
    return nodes.Table(rule.parent, tuple(columns))


def _as_mask(column: pa.ChunkedArray, wanted: bool) -> Mask:
    values = column if wanted else pc.invert(column)
    return np.asarray(pc.fill_null(values, False).to_numpy(), dtype=bool)
