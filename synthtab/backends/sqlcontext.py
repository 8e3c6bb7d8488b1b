"""Hidden columns of rules across rows and tables (ir/context.py) as SQL: windows and joins."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from synthtab.backends import sqltext
from synthtab.backends.sqldialect import Dialect
from synthtab.backends.sqlrules import Translator
from synthtab.backends.sqltext import ATOM, SUM, NotSaidError, Number, Sql
from synthtab.ir import nodes
from synthtab.ir.context import Definition, Position, separate, simplified
from synthtab.ir.references import Tables, follow, link
from synthtab.schema import EnumType, TextType

MOST_ROWS = 10**9
"""Sums are taken to be over no more rows than this when it is decided how wide they may be."""


@dataclass(frozen=True)
class Relation:
    """Where a table is: what to select from, and the names of its columns and row number."""

    text: str
    columns: Mapping[str, str]
    row: str


@dataclass(frozen=True)
class Source:
    """A relation with hidden columns; their texts are names too."""

    relation: Relation
    text: str
    hidden: Mapping[Definition, Sql]


class SqlContext:
    """Writes what rules are judged on.

    With ``declared`` the columns' declared ranges are trusted, as in
    :class:`~synthtab.backends.sqlrules.Translator`.
    """

    def __init__(
        self,
        tables: Tables,
        relations: Mapping[str, Relation],
        *,
        declared: bool,
        dialect: Dialect | None = None,
    ) -> None:
        self.dialect = dialect or Dialect()
        self.tables = tables
        self.relations = relations
        self.declared = declared

    def source(self, table: str, nodes_read: Iterable[nodes.Node]) -> Source:
        """Return a table's rows with the hidden columns that terms and conditions read."""
        wanted = dict.fromkeys(
            what
            for node in nodes_read
            for what in separate(
                simplified(node), self.tables[table], self.tables
            ).definitions.values()
        )
        relation = self.relations[table]
        if not wanted:
            return Source(relation, relation.text, {})
        below = [
            part
            for what in wanted
            if not (isinstance(what, nodes.Aggregate) and what.of is not None)
            for part in _parts(what)
        ]
        made = _Columns(self, table, self.source(table, below))
        hidden = {what: made.add(what) for what in wanted}
        return Source(relation, made.text(), hidden)

    def translated(self, source: Source, table: str, alias: str, node: nodes.Node) -> Sql:
        """Return a term or condition about the row ``alias`` of a source that has what it reads."""
        parts = separate(simplified(node), self.tables[table], self.tables)
        names = {name: f"{alias}.{text}" for name, text in source.relation.columns.items()}
        known: dict[str, Sql] = {}
        for name, what in parts.definitions.items():
            found = source.hidden[what]
            known[name] = replace(found, text=f"{alias}.{found.text}")
        translator = Translator(
            parts.table, names, declared=self.declared, known=known, dialect=self.dialect
        )
        return translator.node(parts.node)


def _parts(what: Definition) -> list[nodes.Node]:
    """Return the operand and the condition that a hidden column is computed from."""
    found: list[nodes.Node] = []
    if isinstance(what, nodes.Aggregate | nodes.Previous | nodes.GapFree):
        found += [] if what.operand is None else [what.operand]
    if isinstance(what, nodes.Aggregate):
        found += [] if what.where is None else [what.where]
    return found


class _Columns:
    """The hidden columns of one selection from the rows ``x`` of a source."""

    def __init__(self, context: SqlContext, table: str, source: Source) -> None:
        self.context = context
        self.table = context.tables[table]
        self.source = source
        self.names = {n: f"x.{text}" for n, text in source.relation.columns.items()}
        self.row = f"x.{source.relation.row}"
        self.shown: list[str] = []
        self.joins: list[str] = []

    def text(self) -> str:
        """Return the whole selection."""
        shown = ", ".join([self.row, *self.names.values(), *self.shown])
        return f"(SELECT {shown} FROM {' '.join([f'{self.source.text} AS x', *self.joins])})"

    def add(self, what: Definition) -> Sql:
        """Add a column; return its name with what is known of it."""
        made = self._made(what)
        name = f"h{len(self.shown)}"
        taken = {c.strip('"').lower() for c in self.source.relation.columns.values()}
        while name in taken:
            name += "_"
        self.shown.append(f"{made.text} AS {name}")
        return _like(made, name)

    def _made(self, what: Definition) -> Sql:
        match what:
            case nodes.ParentRef(path, column):
                return self._of_parent(path, column)
            case nodes.Aggregate() if what.of is None:
                if what.distinct and not self.context.dialect.counts_distinct_in_windows:
                    raise NotSaidError("its windows cannot leave repeated values out")
                call = _call(what, self._term, self.context.dialect)
                return _like(call, self._window(call.text, what.per))
            case nodes.Aggregate():
                return self._of_children(what, what.of or "")
            case nodes.Previous(operand):
                term = self._term(operand)
                return _like(term, self._window(f"lag({term.text})", what.per, what.order))
            case nodes.GapFree(operand, start):
                return self._gap_free(operand, start, what.per)
            case Position():
                text = self._window("row_number()", what.per, what.order)
                return self.context.dialect.integer(text, 1, MOST_ROWS)
        raise TypeError(f"{type(what).__name__} is said by other constructs")

    def _term(self, node: nodes.Node) -> Sql:
        return self.context.translated(self.source, self.table.name, "x", node)

    # Other tables.

    def _of_parent(self, path: Sequence[str], column: str) -> Sql:
        step = follow(path[:1], self.table, self.context.tables)[0][0]
        rest = tuple(path[1:])
        term = nodes.ParentRef(rest, column) if rest else nodes.ColumnRef(column)
        source = self.context.source(step.parent, [term])
        value = self.context.translated(source, step.parent, "p", term)
        first = self.context.dialect.first(value.text, f"p.{source.relation.row}")
        return _like(value, self._joined(source, step.parent_columns, step.columns, first))

    def _of_children(self, what: nodes.Aggregate, home: str) -> Sql:
        rule = link(self.context.tables[home], self.table, what.via)
        source = self.context.source(home, _parts(what))
        call = _call(
            what,
            lambda node: self.context.translated(source, home, "p", node),
            self.context.dialect,
        )
        text = self._joined(source, rule.columns, rule.parent_columns, call.text)
        return _like(call, f"coalesce({text}, 0)" if what.function == "count" else text)

    def _joined(self, source: Source, theirs: Sequence[str], own: Sequence[str], call: str) -> str:
        """Join one figure per key of another table; return the name of the figure."""
        alias = f"j{len(self.joins)}"
        columns = [f"p.{source.relation.columns[c]}" for c in theirs]
        keys = ", ".join(f"{c} AS k{k}" for k, c in enumerate(columns))
        on = " AND ".join(f"{alias}.k{k} = {self.names[c]}" for k, c in enumerate(own))
        self.joins.append(
            f"LEFT JOIN (SELECT {keys}, {call} AS v FROM {source.text} AS p "
            f"GROUP BY {', '.join(columns)}) AS {alias} ON {on}"
        )
        return f"{alias}.v"

    # Windows.

    def _window(self, call: str, per: Sequence[str], order: Sequence[str] | None = None) -> str:
        """Return the call over the row's group; NULL where a column of ``per`` is."""
        columns = [self.names[c] for c in per]
        inside = [f"PARTITION BY {', '.join(columns)}"] if columns else []
        if order is not None:
            keys = [f"{self._ordering(c)} NULLS FIRST" for c in order]
            inside.append(f"ORDER BY {', '.join([*keys, self.row])}")
        return _unless_null(columns, f"{call} OVER ({' '.join(inside)})")

    def _ordering(self, name: str) -> str:
        match self.table.column(name).type:
            case EnumType(values):
                whens = " ".join(f"WHEN {sqltext.string(v)} THEN {k}" for k, v in enumerate(values))
                return f"CASE {self.names[name]} {whens} END"
            case TextType():
                return self.context.dialect.text_order(self.names[name])
        return self.names[name]

    def _gap_free(self, operand: nodes.Term, start: int, per: Sequence[str]) -> Sql:
        """Compare each value with the one below it; none has another of the same value."""
        term = self._term(operand)
        unit = term.denominator if isinstance(term, Number) else 1
        value = term.at(SUM)
        columns = [self.names[c] for c in per]
        group = f"PARTITION BY {', '.join(columns)} " if columns else ""
        below = f"lag({value}) OVER ({group}ORDER BY {value} NULLS FIRST)"
        fine = (
            f"count(*) OVER (PARTITION BY {', '.join([*columns, value])}) = 1 AND "
            f"({value} = {start * unit} OR ({value} > {start * unit} AND "
            f"coalesce({below} = {value} - {unit}, FALSE)))"
        )
        return Sql(_unless_null([*columns, value], f"({fine})"))


def _unless_null(columns: Sequence[str], text: str) -> str:
    if not columns:
        return text
    return f"CASE WHEN {' OR '.join(f'{c} IS NULL' for c in columns)} THEN NULL ELSE {text} END"


def _call(what: nodes.Aggregate, term: Callable[[nodes.Node], Sql], dialect: Dialect) -> Sql:
    """Return the call of an aggregate function, with what is known of its result."""
    only = "" if what.where is None else f" FILTER (WHERE {term(what.where).text})"
    if what.operand is None:
        return dialect.integer(f"count(*){only}", 0, MOST_ROWS)
    operand = term(what.operand)
    if what.function == "sum" and isinstance(operand, Number):
        operand = sqltext.summand(operand)
    distinct = "DISTINCT " if what.distinct else ""
    text = f"{what.function}({distinct}{operand.text}){only}"
    if what.function == "count":
        return dialect.integer(text, 0, MOST_ROWS)
    if what.function == "sum" and isinstance(operand, Number):
        return sqltext.total(operand, text, MOST_ROWS)
    return _like(operand, text)


def _like(what: Sql, text: str) -> Sql:
    """Return an expression whose values are those of another one."""
    if isinstance(what, Number):
        return replace(what, text=text, level=ATOM, literal=False)
    return Sql(text, beyond=what.beyond)
