"""CREATE TABLE in a dialect: the columns of one table, and every rule a constraint can keep."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from synthtab.backends import sqltext
from synthtab.backends.sqldialect import Dialect
from synthtab.backends.sqlnames import Names
from synthtab.backends.sqlrules import Translator
from synthtab.backends.sqltext import NotSaidError
from synthtab.ir import nodes
from synthtab.schema import Column, DecimalType, IntegerType, TextType

_ACROSS = "no constraint looks at other rows"
_SOFT = "no constraint lets some rows break it"


@dataclass(frozen=True)
class Created:
    """Statements that make a table, and the rules (by name) they do not enforce, with the reason.

    ``later`` are statements for when all tables are there.
    """

    statements: tuple[str, ...]
    later: tuple[str, ...]
    left: tuple[tuple[str, str], ...]


def create(
    table: nodes.Table,
    dialect: Dialect,
    names: Names,
    there: Collection[str],
    tables: Collection[nodes.Table],
) -> Created:
    """Return the statements for one table; ``there`` names it and those made before it.

    ``tables`` are all that are made. A reference to one that comes later is a query in a dialect
    that cannot refer forward.
    """
    return _Creation(table, dialect, names, there, {t.name: t for t in tables}).made()


class _Creation:
    """The lines of one CREATE TABLE as they come together."""

    def __init__(
        self,
        table: nodes.Table,
        dialect: Dialect,
        names: Names,
        there: Collection[str],
        tables: dict[str, nodes.Table],
    ) -> None:
        self.table = table
        self.dialect = dialect
        self.names = names
        self.there = there
        self.tables = tables
        self.quoted = {c.name: sqltext.identifier(c.name) for c in table.columns}
        self.own = sqltext.identifier(table.name)
        self.lines: list[str] = []
        self.after: list[str] = []
        self.later: list[str] = []
        self.left: list[tuple[str, str]] = []

    def made(self) -> Created:
        key = {c for r in self.table.unique_rules if r.primary for c in r.columns}
        self.lines += [self._declaration(c, c.name in key) for c in self.table.columns]
        for column in self.table.columns:
            self._checks(column)
        for rule in self.table.rules:
            try:
                self._rule(rule)
            except NotSaidError as error:
                self.left.append((rule.name, str(error)))
        body = ",\n    ".join(self.lines)
        create = f"CREATE TABLE {self.own} (\n    {body}\n)"
        return Created((create, *self.after), tuple(self.later), tuple(self.left))

    def _declaration(self, column: Column, key: bool) -> str:
        null = "" if column.optional and not key else " NOT NULL"
        return f"{self.quoted[column.name]} {self.dialect.column_type(column.type)}{null}"

    def _checks(self, column: Column) -> None:
        name = self.quoted[column.name]
        unkept = self.dialect.unkept(column)
        if unkept is not None:
            self.left.append((f"{column.name} digits", unkept))
        try:
            checks = self.dialect.type_checks(column, name)
        except NotSaidError as error:
            self.left.append((f"{column.name} pattern", str(error)))
            checks = self.dialect.type_checks(_without_pattern(column), name)
        ends = self.dialect.range_check(column, name)
        for what, text in [*checks, *([] if ends is None else [("range", ends)])]:
            self._constraint(f"{column.name} {what}", f"CHECK ({text})")

    def _constraint(self, name: str, definition: str, *, index: bool = False) -> str:
        shared = index and self.dialect.shared_names
        free = sqltext.identifier(self.names.of(self.table.name, name, index=shared))
        self.lines.append(f"CONSTRAINT {free} {definition}")
        return free

    def _rule(self, rule: nodes.Rule) -> None:
        if rule.share is not None:
            self.left.append((rule.name, _SOFT))
        elif isinstance(rule, nodes.RowRule) and nodes.is_pure(rule.condition):
            translator = Translator(self.table, self.quoted, declared=True, dialect=self.dialect)
            text = translator.condition(rule.condition).text
            self._named(rule, f"CHECK ({text})")
        elif isinstance(rule, nodes.UniqueRule):
            self._unique(rule)
        elif isinstance(rule, nodes.ReferenceRule):
            self._reference(rule)
        else:
            self.left.append((rule.name, _ACROSS))

    def _unique(self, rule: nodes.UniqueRule) -> None:
        columns = ", ".join(self.quoted[c] for c in rule.columns)
        if rule.where is None:
            kind = "PRIMARY KEY" if rule.primary else "UNIQUE"
            self._named(rule, f"{kind} ({columns})", index=True)
            return
        if not self.dialect.partial_indexes:
            self.left.append((rule.name, "no constraint is for some rows only"))
            return
        translator = Translator(self.table, self.quoted, declared=True, dialect=self.dialect)
        where = translator.condition(rule.where).text
        name = sqltext.identifier(self.names.of(self.table.name, rule.name, index=True))
        self.after.append(f"CREATE UNIQUE INDEX {name} ON {self.own} ({columns}) WHERE {where}")
        self.after += self._described(rule, f"INDEX {name}")

    def _reference(self, rule: nodes.ReferenceRule) -> None:
        parent = self.tables.get(rule.parent)
        if parent is None:
            self.left.append((rule.name, f"table {rule.parent!r} is not among those made"))
            return
        if not self._comparable(rule, parent):
            self.left.append((rule.name, "its columns and those referred to are of two types"))
            return
        forward = rule.parent not in self.there
        if forward and not self.dialect.deferred:
            self.left.append((rule.name, f"table {rule.parent!r} comes later, being in a circle"))
            return
        own = ", ".join(self.quoted[c] for c in rule.columns)
        theirs = ", ".join(map(sqltext.identifier, rule.parent_columns))
        text = f"FOREIGN KEY ({own}) REFERENCES {sqltext.identifier(rule.parent)} ({theirs})"
        if self.dialect.deferred and (forward or rule.parent == self.table.name):
            text += " DEFERRABLE INITIALLY DEFERRED"
        if forward and self.dialect.adds_constraints:
            name = sqltext.identifier(self.names.of(self.table.name, rule.name))
            self.later.append(f"ALTER TABLE {self.own} ADD CONSTRAINT {name} {text}")
            self.later += self._described(rule, f"CONSTRAINT {name} ON {self.own}")
            return
        self._named(rule, text)

    def _comparable(self, rule: nodes.ReferenceRule, parent: nodes.Table) -> bool:
        """Say whether the database can compare the columns: an integer is no decimal to it."""
        pairs = zip(rule.columns, rule.parent_columns, strict=True)
        return not any(
            isinstance(self.table.column(a).type, IntegerType | DecimalType)
            and type(self.table.column(a).type) is not type(parent.column(b).type)
            for a, b in pairs
        )

    def _named(self, rule: nodes.Rule, definition: str, *, index: bool = False) -> None:
        """Add the constraint of a rule, and its description where the database keeps one."""
        name = self._constraint(rule.name, definition, index=index)
        self.after += self._described(rule, f"CONSTRAINT {name} ON {self.own}")

    def _described(self, rule: nodes.Rule, what: str) -> list[str]:
        if rule.description is None or not self.dialect.comments:
            return []
        return [f"COMMENT ON {what} IS {sqltext.string(rule.description)}"]


def _without_pattern(column: Column) -> Column:
    if not isinstance(column.type, TextType):
        raise TypeError(f"{column.name!r} has no pattern")
    return replace(column, type=TextType(column.type.max_length))
