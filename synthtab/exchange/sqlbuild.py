"""Raw tables (exchange/rawtables.py) put into the language's terms."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlglot import exp

from synthtab.backends.sqlnames import without_table
from synthtab.exchange.imported import Imported, Note
from synthtab.exchange.rawtables import RawConstraint, RawTable
from synthtab.exchange.settle import settled
from synthtab.exchange.sqlclaims import Bound, claim
from synthtab.exchange.sqlexpressions import Reader
from synthtab.exchange.sqltypes import column_type, is_unsigned
from synthtab.exchange.unsaid import UnsaidError
from synthtab.ir import nodes
from synthtab.schema import Column, TextType

_AUTOMATIC = re.compile(r"(.*_chk_?\d+|.*_check\d*|CK__.*|SYS_C\d+|CONSTRAINT_\w+)", re.IGNORECASE)


def build(
    raw: Sequence[RawTable],
    enums: Mapping[str, Sequence[str]],
    dialect: str,
    notes: Sequence[Note] = (),
) -> Imported:
    """Return the tables with their rules, and notes on what the language has no words for.

    ``dialect`` is sqlglot's name of it. Rules that the type checker refuses become notes too.
    """
    found = list(notes)
    made = [(_Building(t, enums, dialect, found).table(), t) for t in raw]
    for table, own in made:
        if not table.columns:
            found.append(Note(own.name, "table", "no column has a type of the language"))
    made = [(table, own) for table, own in made if table.columns]
    keys = {table.name.lower(): table for table, _ in made}
    wired = [_references(table, own, keys, found) for table, own in made]
    return settled(Imported(tuple(wired), tuple(found)))


class _Building:
    """One table while its checks are read, one after the other, into columns and rules."""

    def __init__(
        self, raw: RawTable, enums: Mapping[str, Sequence[str]], dialect: str, notes: list[Note]
    ) -> None:
        self.raw = raw
        self.dialect = dialect
        self.notes = notes
        self.columns: dict[str, Column] = {}
        self.rules: list[nodes.Rule] = []
        self.opened: dict[str, str] = {}
        self.bounded: set[str] = set()
        for column in raw.columns:
            kind, word = column_type(column.type, enums)
            shown = "" if column.type is None else column.type.sql()
            if kind is None:
                self.notes.append(Note(f"{raw.name}.{column.name}", shown, str(word)))
                continue
            if word is not None:
                self.opened[column.name] = word
            least = 0 if column.type is not None and is_unsigned(column.type) else None
            self.columns[column.name] = Column(column.name, kind, column.optional, least)

    def table(self) -> nodes.Table:
        key = next((c for c in self.raw.constraints if c.kind == "key"), None)
        for name in self._columns(key.columns) if key else ():
            self.columns[name] = replace(self.columns[name], optional=False)
        checks = [c for c in self.raw.constraints if c.kind == "check"]
        self.bounded = {
            column.name
            for c in checks
            if c.condition is not None
            for length in c.condition.find_all(exp.Length)
            if isinstance(column := length.this, exp.Column)
        }
        # What types mean comes first, as other checks are read by the columns' types.
        for constraint in sorted(checks, key=lambda c: not self._about_type(c)):
            self._check(constraint)
        order = {id(c): k for k, c in enumerate(self.raw.constraints)}
        for constraint in self.raw.constraints:
            if constraint.kind in ("key", "unique"):
                self._unique(constraint, order[id(constraint)])
        for name, word in self.opened.items():
            column = next(c for c in self.raw.columns if c.name == name)
            shown = "no type" if column.type is None else column.type.sql()
            self.notes.append(Note(f"{self.raw.name}.{name}", shown, word))
        return nodes.Table(self.raw.name, tuple(self.columns.values()), tuple(self.rules))

    def _about_type(self, constraint: RawConstraint) -> bool:
        """Say whether a check carries the type of a column, by its name or for want of one."""
        name = constraint.name
        if name is None or _AUTOMATIC.fullmatch(name):
            return True
        words = ("type", "digits", "value", "length", "pattern", "resolution", "range")
        return any(
            re.fullmatch(rf"{re.escape(c)} ({'|'.join(words)})( \d+)?", name) for c in self.columns
        )

    def _check(self, constraint: RawConstraint) -> None:
        if constraint.condition is None:
            return
        table = nodes.Table(self.raw.name, tuple(self.columns.values()))
        reader = Reader(table, self.dialect, self.opened, self.bounded)
        automatic = self._about_type(constraint)
        try:
            found = claim(constraint.condition, reader, named=not automatic)
            if isinstance(found, Bound):
                column = found.column
                self.columns[column.name] = column
                if not isinstance(column.type, TextType) or found.settles:
                    self.opened.pop(column.name, None)
                return
            if found is None:
                return
        except UnsaidError as error:
            self._note(constraint, str(error))
            return
        except RecursionError:
            self._note(constraint, "it is nested too deeply")
            return
        name = self._name(constraint, f"check_{len(self.rules) + 1}")
        self.rules.append(nodes.RowRule(name, found, constraint.description))

    def _unique(self, constraint: RawConstraint, at: int) -> None:
        columns = self._columns(constraint.columns)
        if len(columns) < len(constraint.columns):
            self._note(constraint, "it names a column that is left out")
            return
        where = None
        if constraint.condition is not None:
            table = nodes.Table(self.raw.name, tuple(self.columns.values()))
            try:
                where = Reader(table, self.dialect).condition(constraint.condition)
            except UnsaidError as error:
                self._note(constraint, str(error))
                return
        key = constraint.kind == "key"
        end = "key" if key else "unique"
        name = self._name(constraint, f"{'_'.join(columns)}_{end}")
        self.rules.append(
            nodes.UniqueRule(name, tuple(columns), key, constraint.description, where)
        )

    def _columns(self, names: Sequence[str]) -> list[str]:
        spelled = {c.lower(): c for c in self.columns}
        return [
            n if n in self.columns else spelled[n.lower()] for n in names if n.lower() in spelled
        ]

    def _name(self, constraint: RawConstraint, default: str) -> str:
        return _free(own_name(constraint, self.raw.name) or default, self.rules)

    def _note(self, constraint: RawConstraint, reason: str) -> None:
        self.notes.append(_note(self.raw.name, constraint, reason))


def own_name(constraint: RawConstraint, table: str) -> str | None:
    """Return the name somebody gave a constraint; None where a database made one up.

    The table's name before it, which tells it from those of other tables, is left out.
    """
    listed = "_".join(constraint.columns)
    made_up = {f"{table}_pkey", f"{table}_{listed}_key", f"{table}_{listed}_fkey", "PRIMARY"}
    if constraint.name is None or constraint.name in made_up:
        return None
    return without_table(constraint.name, table)


def _free(name: str, rules: Sequence[nodes.Rule]) -> str:
    taken, free, count = {r.name for r in rules}, name, 2
    while free in taken:
        free, count = f"{name}_{count}", count + 1
    return free


def _note(table: str, constraint: RawConstraint, reason: str) -> Note:
    if constraint.condition is not None:
        shown = f"CHECK ({constraint.condition.sql()})"
    else:
        shown = f"{constraint.kind} ({', '.join(constraint.columns)})"
    name = own_name(constraint, table) or constraint.kind
    return Note(f"{table}.{name}", shown, reason)


def _references(
    table: nodes.Table, raw: RawTable, tables: Mapping[str, nodes.Table], notes: list[Note]
) -> nodes.Table:
    """Return the table with its references, now that all tables are there."""
    rules = list(table.rules)
    for constraint in raw.constraints:
        if constraint.kind != "reference":
            continue
        parent = tables.get(constraint.parent.lower())
        if parent is None:
            notes.append(_note(raw.name, constraint, f"table {constraint.parent!r} is not there"))
            continue
        theirs = constraint.parent_columns or next(
            (r.columns for r in parent.unique_rules if r.primary), ()
        )
        own = _spelled(constraint.columns, table)
        other = _spelled(theirs, parent)
        if own is None or other is None or len(own) != len(other) or not own:
            notes.append(_note(raw.name, constraint, "it names a column that is left out"))
            continue
        name = own_name(constraint, raw.name) or f"{'_'.join(own)}_reference"
        free = _free(name, rules)
        rules.append(nodes.ReferenceRule(free, own, parent.name, other, constraint.description))
    return replace(table, rules=tuple(_columns_first(rules, table)))


def _columns_first(rules: Sequence[nodes.Rule], table: nodes.Table) -> list[nodes.Rule]:
    """Return the rules so that those the language writes beside a column come first."""
    ends = {"key", "unique", "reference"}

    def place(rule: nodes.Rule) -> int:
        if isinstance(rule, nodes.UniqueRule | nodes.ReferenceRule) and len(rule.columns) == 1:
            own = rule.columns[0]
            plain = getattr(rule, "where", None) is None and rule.description is None
            if plain and rule.name in {f"{own}_{end}" for end in ends}:
                return table.column_names.index(own)
        return len(table.columns)

    return sorted(rules, key=place)


def _spelled(names: Sequence[str], table: nodes.Table) -> tuple[str, ...] | None:
    spelled = {c.lower(): c for c in table.column_names}
    found = [n if n in table.column_names else spelled.get(n.lower()) for n in names]
    known = tuple(n for n in found if n is not None)
    return known if len(known) == len(found) else None
