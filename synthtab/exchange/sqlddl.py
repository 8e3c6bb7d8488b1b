"""SQL that declares tables, as a model: CREATE TABLE, ALTER TABLE, unique indexes, comments."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import sqlglot
from sqlglot import Token, TokenType, exp
from sqlglot.errors import SqlglotError

from synthtab.errors import UsageError
from synthtab.exchange.imported import Imported, Note
from synthtab.exchange.rawtables import RawColumn, RawConstraint, RawTable
from synthtab.exchange.sqlbuild import build

DIALECTS = {
    "duckdb": "duckdb", "postgresql": "postgres", "postgres": "postgres", "sqlite": "sqlite",
    "mysql": "mysql", "mariadb": "mysql", "tsql": "tsql", "mssql": "tsql", "sqlserver": "tsql",
}  # fmt: skip
_CREATE = re.compile(r"\s*CREATE\s+TABLE\b", re.IGNORECASE)
_NAME = r'(?:"(?:[^"]|"")+"|\w+)'
_COMMENT = re.compile(
    rf"COMMENT\s+ON\s+(?:CONSTRAINT|INDEX)\s+({_NAME})(?:\s+ON\s+(?:{_NAME}\.)?({_NAME}))?"
    r"\s+IS\s+'((?:[^']|'')*)'",
    re.IGNORECASE | re.DOTALL,
)
_UNENFORCED = re.compile(r"^-- (\S.*?)(?: \(at least [^)]*\))?: not enforced, (.*)$", re.MULTILINE)
_SHOWN = 80


def from_sql(text: str, dialect: str | None = None) -> Imported:
    """Return the tables that a text of SQL declares; notes name all that is not in them.

    ``dialect`` is one of postgresql (taken without it), duckdb, sqlite, mysql and tsql; UsageError
    for another, and for a text that declares no table.
    """
    name = dialect_name(dialect)
    reading = _Script(name)
    reading.read(text)
    made = build(list(reading.tables.values()), reading.enums, name, reading.notes)
    if not made.tables:
        why = "".join(f"; {n.where}: {n.reason}" for n in made.notes[:1])
        raise UsageError(f"the SQL declares no table: no CREATE TABLE can be read{why}")
    return made


def dialect_name(dialect: str | None) -> str:
    """Return sqlglot's name of a dialect. Raises UsageError naming those there are."""
    if dialect is None:
        return "postgres"
    if dialect.lower() not in DIALECTS:
        known = ", ".join(sorted(DIALECTS))
        raise UsageError(f"unknown SQL dialect {dialect!r}; known: {known}")
    return DIALECTS[dialect.lower()]


class _Script:
    """Statements read one after the other."""

    def __init__(self, dialect: str) -> None:
        self.dialect = dialect
        self.tables: dict[str, RawTable] = {}
        self.enums: dict[str, tuple[str, ...]] = {}
        self.notes: list[Note] = []

    def read(self, text: str) -> None:
        for where, reason in _UNENFORCED.findall(text):
            self.notes.append(Note(where, "rule", f"not enforced by the database: {reason}"))
        for line, title, statement in _statements(text, self.dialect):
            place = f"line {line}"
            described = _COMMENT.match(statement)
            if described is not None:
                self._describe(*described.groups())
                continue
            try:
                parsed = self._parsed(statement)
            except (SqlglotError, RecursionError) as error:
                reason = str(error).split(". ")[0].split("\n")[0]
                self.notes.append(Note(place, _short(statement), f"it cannot be read: {reason}"))
                continue
            self._statement(parsed, title or place, statement)

    def _parsed(self, statement: str) -> exp.Expr:
        """Return a statement as sqlglot reads it, table options being left out if they must."""
        with _quiet():
            parsed = sqlglot.parse_one(statement, dialect=self.dialect)
            end = statement.rfind(")") + 1
            if isinstance(parsed, exp.Command) and _CREATE.match(statement) and end:
                return sqlglot.parse_one(statement[:end], dialect=self.dialect)
            return parsed

    def _statement(self, node: exp.Expr, place: str, text: str) -> None:
        match node:
            case exp.Create(kind="TABLE", this=exp.Schema() as schema):
                self._table(schema)
            case exp.Create(kind="TYPE", expression=exp.DataType() as kind) if kind.expressions:
                self.enums[node.this.name.lower()] = tuple(e.name for e in kind.expressions)
            case exp.Create(kind="INDEX"):
                if node.args.get("unique"):
                    self._index(node, place, text)
            case exp.Alter(kind="TABLE"):
                self._alter(node, place, text)
            case exp.Comment() | exp.Pragma() | exp.Set() | exp.Use() | exp.Transaction():
                pass
            case exp.Commit() | exp.Drop() | exp.Insert():
                pass
            case exp.Query():
                self.notes.append(Note(place, "query", "a query declares nothing"))
            case _:
                reason = "it declares no table, key, index or check that can be read"
                self.notes.append(Note(place, _short(text), reason))

    def _table(self, schema: exp.Schema) -> None:
        name = schema.this.name
        columns: list[RawColumn] = []
        constraints: list[RawConstraint] = []
        for item in schema.expressions:
            if isinstance(item, exp.ColumnDef):
                column, more = _column(item)
                columns.append(column)
                constraints += more
            elif isinstance(item, exp.Identifier):
                columns.append(RawColumn(item.name, None))
            else:
                constraints += self._constraints(item, name)
        self.tables[name.lower()] = RawTable(name, tuple(columns), tuple(constraints))

    def _constraints(self, item: exp.Expr, table: str) -> list[RawConstraint]:
        name, parts = None, [item]
        if isinstance(item, exp.Constraint):
            name, parts = item.name, item.expressions
        out = []
        for part in parts:
            made = _constraint(part, name)
            if made is not None:
                out.append(made)
            elif not isinstance(part, exp.IndexColumnConstraint):
                where = f"{table}.{name or 'constraint'}"
                self.notes.append(Note(where, _short(part.sql(self.dialect)), "it cannot be read"))
        return out

    def _index(self, node: exp.Create, place: str, text: str) -> None:
        index = node.this
        table = self.tables.get(index.args["table"].name.lower())
        params = index.args.get("params")
        listed = params.args.get("columns") if params is not None else None
        inner = [c.this if isinstance(c, exp.Ordered) else c for c in listed or []]
        if table is None or not inner or not all(isinstance(c, exp.Column) for c in inner):
            reason = "an index of expressions, or of a table that was not declared"
            self.notes.append(Note(place, _short(text), reason))
            return
        where = params.args.get("where")
        made = RawConstraint(
            "unique",
            index.name or None,
            tuple(c.name for c in inner),
            condition=None if where is None else where.this,
        )
        self._add(table, [made])

    def _alter(self, node: exp.Alter, place: str, text: str) -> None:
        table = self.tables.get(node.this.name.lower())
        for action in node.args["actions"]:
            if table is None:
                break
            if isinstance(action, exp.AddConstraint):
                for item in action.expressions:
                    self._add(table, self._constraints(item, table.name))
            elif isinstance(action, exp.ColumnDef):
                column, more = _column(action)
                grown = replace(table, columns=(*table.columns, column))
                self.tables[table.name.lower()] = grown
                self._add(grown, more)
            else:
                self.notes.append(Note(place, _short(text), "such a change of a table is not read"))
            table = self.tables[table.name.lower()]
        if table is None:
            self.notes.append(Note(place, _short(text), "the table was not declared before"))

    def _add(self, table: RawTable, more: Sequence[RawConstraint]) -> None:
        made = replace(table, constraints=(*table.constraints, *more))
        self.tables[table.name.lower()] = made

    def _describe(self, name: str, table: str | None, words: str) -> None:
        wanted, text = _unquoted(name), words.replace("''", "'")
        for key, found in self.tables.items():
            if table is not None and key != _unquoted(table).lower():
                continue
            made = tuple(
                replace(c, description=text) if c.name == wanted else c for c in found.constraints
            )
            self.tables[key] = replace(found, constraints=made)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep sqlglot from logging what becomes a note."""
    logger = logging.getLogger("sqlglot")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def _statements(text: str, dialect: str) -> Iterator[tuple[int, str | None, str]]:
    """Yield (line, rule named in the comment above, text) for each statement."""
    try:
        tokens = sqlglot.tokenize(text, read=dialect)
    except SqlglotError as error:
        raise UsageError(f"the SQL cannot be read: {error}") from error
    current: list[Token] = []
    for token in [*tokens, None]:
        if token is not None and token.token_type != TokenType.SEMICOLON:
            current.append(token)
            continue
        if current:
            above = current[0].comments[-1] if current[0].comments else ""
            title = re.match(r"\s*(\S.*?)(?: \(at least [^)]*\))?: ", above)
            yield (
                current[0].line,
                None if title is None else title.group(1),
                text[current[0].start : current[-1].end + 1],
            )
        current = []


def _column(node: exp.ColumnDef) -> tuple[RawColumn, list[RawConstraint]]:
    optional = True
    more: list[RawConstraint] = []
    name = node.name
    for item in node.args.get("constraints") or []:
        kind = item.args.get("kind")
        own = item.name or None
        match kind:
            case exp.NotNullColumnConstraint():
                optional = bool(kind.args.get("allow_null"))
            case exp.PrimaryKeyColumnConstraint():
                more.append(RawConstraint("key", own, (name,)))
            case exp.UniqueColumnConstraint():
                more.append(RawConstraint("unique", own, (name,)))
            case exp.CheckColumnConstraint():
                more.append(RawConstraint("check", own, condition=kind.this))
            case exp.Reference():
                more.append(_reference(kind, own, (name,)))
            case exp.ComputedColumnConstraint() | exp.GeneratedAsRowColumnConstraint():
                if kind.this is not None:
                    same = exp.EQ(this=exp.column(name, quoted=True), expression=kind.this)
                    more.append(RawConstraint("check", f"{name}_computed", condition=same))
    return RawColumn(name, node.args.get("kind"), optional), more


def _constraint(node: exp.Expr, name: str | None) -> RawConstraint | None:
    match node:
        case exp.PrimaryKey():
            return RawConstraint("key", name, _names(node.expressions))
        case exp.UniqueColumnConstraint():
            inner = node.this
            listed = inner.expressions if isinstance(inner, exp.Schema) else node.expressions
            own = inner.this.name if isinstance(inner, exp.Schema) and inner.this else None
            return RawConstraint("unique", name or own, _names(listed))
        case exp.ForeignKey():
            target = node.args.get("reference")
            return None if target is None else _reference(target, name, _names(node.expressions))
        case exp.CheckColumnConstraint() | exp.Check():
            return RawConstraint("check", name, condition=node.this)
    return None


def _reference(node: exp.Expr, name: str | None, columns: tuple[str, ...]) -> RawConstraint:
    target = node.this
    if isinstance(target, exp.Schema):
        return RawConstraint(
            "reference", name, columns, target.this.name, _names(target.expressions)
        )
    return RawConstraint("reference", name, columns, target.name)


def _names(items: Sequence[exp.Expr]) -> tuple[str, ...]:
    return tuple((i.this if isinstance(i, exp.Ordered) else i).name for i in items)


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else line[: _SHOWN - 3] + "..."
