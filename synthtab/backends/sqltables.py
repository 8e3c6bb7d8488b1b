"""Queries that find the rows breaking a rule, across rows and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import duckdb
import numpy as np

from synthtab.backends import sqltext
from synthtab.backends.sqlcontext import Relation, SqlContext
from synthtab.backends.sqldata import attach
from synthtab.backends.sqldialect import Dialect
from synthtab.backends.sqlrules import Translator
from synthtab.backends.sqltext import AND, SUM, Sql, TooWideError
from synthtab.backends.support import Exact, Supports, answers
from synthtab.batch import Mask
from synthtab.errors import DataError
from synthtab.ir import nodes
from synthtab.ir.context import separate_pair

if TYPE_CHECKING:
    import pandas as pd


class SqlTables:
    """All rules of a model as queries; numbers that may be too wide are refused, never rounded."""

    supports: ClassVar[Supports] = answers(Exact())

    def __init__(self, tables: Sequence[nodes.Table], dialect: Dialect | None = None) -> None:
        self.tables = {t.name: t for t in tables}
        self.dialect = dialect or Dialect()

    def query(self, table: str, rule: nodes.Rule) -> str:
        """Return a query on the database's own tables that gives the broken rows' ``rowid``.

        In PostgreSQL it is their ``ctid``. The columns' declared ranges are trusted. Raises
        NotSaidError for what the database has no words for, as where exact arithmetic may need more
        digits than there are.
        """
        relations = {
            name: Relation(
                sqltext.identifier(name),
                {c: sqltext.identifier(c) for c in declared.column_names},
                self.dialect.row_id,
            )
            for name, declared in self.tables.items()
        }
        context = SqlContext(self.tables, relations, declared=True, dialect=self.dialect)
        return _Query(context, table).of(rule)

    def violated(
        self,
        sources: Mapping[str, pd.DataFrame | str | Path],
        rules: Mapping[str, Sequence[nodes.Rule]] | None = None,
    ) -> dict[tuple[str, str], Mask]:
        """Return, by table and rule, the rows that break it, (rows,) bool, as DuckDB sees it.

        ``sources`` has a DataFrame, or the path of a CSV or Parquet file, for every table;
        ``rules`` says which rules of which table are asked about (all of them without it). Raises
        DataError where the values do not have the declared types.
        """
        asked = {t.name: t.rules for t in self.tables.values()} if rules is None else rules
        connection = duckdb.connect()
        try:
            relations, sizes = {}, {}
            for at, (name, source) in enumerate(sources.items()):
                relations[name], sizes[name] = self._attached(connection, at, name, source)
            found = {}
            for table, some in asked.items():
                for rule in some:
                    rows = connection.execute(self._fitting(relations, table, rule)).fetchnumpy()
                    broken = np.zeros(sizes[table], dtype=bool)
                    broken[np.asarray(rows["row"], dtype=np.int64)] = True
                    found[table, rule.name] = broken
            return found
        except duckdb.Error as error:
            raise DataError(f"DuckDB cannot judge the rows: {error}") from error
        finally:
            connection.close()

    def _attached(
        self,
        connection: duckdb.DuckDBPyConnection,
        at: int,
        name: str,
        source: pd.DataFrame | str | Path,
    ) -> tuple[Relation, int]:
        text, columns = attach(connection, self.tables[name].columns, source, f"rows{at}")
        connection.execute(
            f"CREATE TEMP TABLE t{at} AS "
            f"SELECT (row_number() OVER ()) - 1 AS row, {', '.join(columns.values())} FROM {text}"
        )
        size = connection.execute(f"SELECT count(*) FROM t{at}").fetchall()[0][0]
        return Relation(f"t{at}", columns, "row"), int(size)

    def _fitting(self, relations: Mapping[str, Relation], table: str, rule: nodes.Rule) -> str:
        # Rows under judgement may be outside the declared ranges, so their types bound them if
        # DuckDB's numbers are wide enough for that.
        try:
            return _Query(SqlContext(self.tables, relations, declared=False), table).of(rule)
        except TooWideError:
            pass
        try:
            return _Query(SqlContext(self.tables, relations, declared=True), table).of(rule)
        except TooWideError as error:
            raise TooWideError(f"rule {rule.name!r}: {error}") from None


class _Query:
    """Writes the query of one rule: the numbers of the rows that break it, as ``row``."""

    def __init__(self, context: SqlContext, table: str) -> None:
        self.context = context
        self.table = table
        self.relation = context.relations[table]
        self.row = self.relation.row

    def of(self, rule: nodes.Rule) -> str:
        match rule:
            case nodes.RowRule():
                return self._row_rule(rule)
            case nodes.UniqueRule():
                return self._unique(rule)
            case nodes.DeterminesRule():
                return self._determines(rule)
            case nodes.ReferenceRule():
                return self._reference(rule)
            case nodes.NoOverlapRule():
                return self._no_overlap(rule)
            case nodes.PairRule():
                return self._pair(rule)

    def _row_rule(self, rule: nodes.RowRule) -> str:
        source = self.context.source(self.table, [rule.condition])
        condition = self.context.translated(source, self.table, "x", rule.condition)
        return f'SELECT x.{self.row} AS "row" FROM {source.text} AS x WHERE NOT ({condition.text})'

    def _unique(self, rule: nodes.UniqueRule) -> str:
        asked = [] if rule.where is None else [rule.where]
        source = self.context.source(self.table, asked)
        columns = self._names("x", rule.columns)
        where = [f"{c} IS NOT NULL" for c in columns]
        where += [self.context.translated(source, self.table, "x", c).at(AND) for c in asked]
        number = f"row_number() OVER (PARTITION BY {', '.join(columns)} ORDER BY x.{self.row})"
        return (
            f'SELECT "row" FROM (SELECT x.{self.row} AS "row", {number} AS n '
            f"FROM {source.text} AS x WHERE {' AND '.join(where)}) AS ranked WHERE n > 1"
        )

    def _determines(self, rule: nodes.DeterminesRule) -> str:
        own, inner = self._names("x", rule.determinants), self._names("y", rule.determinants)
        differ = " OR ".join(
            f"count(DISTINCT {d}) + max(CASE WHEN {d} IS NULL THEN 1 ELSE 0 END) > 1"
            for d in self._names("y", rule.dependents)
        )
        keys = ", ".join(f"{c} AS k{k}" for k, c in enumerate(inner))
        on = " AND ".join(f"{c} = g.k{k}" for k, c in enumerate(own))
        return (
            f'SELECT x.{self.row} AS "row" FROM {self.relation.text} AS x JOIN (SELECT {keys} '
            f"FROM {self.relation.text} AS y GROUP BY {', '.join(inner)} HAVING {differ}) AS g "
            f"ON {on}"
        )

    def _reference(self, rule: nodes.ReferenceRule) -> str:
        parent = self.context.relations[rule.parent]
        own = self._names("x", rule.columns)
        theirs = [f"p.{parent.columns[c]}" for c in rule.parent_columns]
        there = " AND ".join(f"{a} = {b}" for a, b in zip(theirs, own, strict=True))
        some = " AND ".join(f"{c} IS NOT NULL" for c in own)
        return (
            f'SELECT x.{self.row} AS "row" FROM {self.relation.text} AS x WHERE {some} '
            f"AND NOT EXISTS (SELECT 1 FROM {parent.text} AS p WHERE {there})"
        )

    def _no_overlap(self, rule: nodes.NoOverlapRule) -> str:
        start, end = self._names("x", (rule.start, rule.end))
        per = self._names("x", rule.per)
        group = f"PARTITION BY {', '.join(per)} " if per else ""
        order = f"{group}ORDER BY {start}, {end}, x.{self.row}"
        before = f"max({end}) OVER ({order} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
        after = f"lead({start}) OVER ({order})"
        whole = " AND ".join([f"{start} < {end}", *(f"{c} IS NOT NULL" for c in per)])
        return (
            f'SELECT "row" FROM (SELECT x.{self.row} AS "row", {before} > {start} AS behind, '
            f"{after} < {end} AS ahead FROM {self.relation.text} AS x WHERE {whole}) AS neighbours "
            "WHERE behind OR ahead"
        )

    def _pair(self, rule: nodes.PairRule) -> str:
        tables = self.context.tables
        parts = separate_pair(rule, tables[self.table], tables)
        sources = [
            self.context.source(self.table, [t for s, t in parts.sides.values() if s == side])
            for side in (0, 1)
        ]
        known: dict[str, Sql] = {
            name: self.context.translated(sources[side], self.table, "ab"[side], term)
            for name, (side, term) in parts.sides.items()
        }
        translator = Translator(
            parts.table,
            {},
            declared=self.context.declared,
            known=known,
            dialect=self.context.dialect,
        )
        condition = translator.condition(parts.condition).at(SUM)
        return (
            f"WITH pairs AS (SELECT a.{self.row} AS i, b.{self.row} AS j "
            f"FROM {sources[0].text} AS a, {sources[1].text} AS b "
            f"WHERE a.{self.row} <> b.{self.row} AND {condition}) "
            'SELECT i AS "row" FROM pairs UNION SELECT j AS "row" FROM pairs'
        )

    def _names(self, alias: str, columns: Sequence[str]) -> list[str]:
        return [f"{alias}.{self.relation.columns[c]}" for c in columns]
