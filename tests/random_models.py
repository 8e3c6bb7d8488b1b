"""Random models of three tables: rules across rows and tables, rows full of ties and NULLs.

``p`` is the parent of ``t``, which is the parent of ``u``; ``t`` refers to itself as well. All
three have the same random columns, so that a column may stand for the parent's, the row before's,
or a figure of a group.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from batches import to_batch
from rule_maker import RuleMaker, random_columns

from synthtab import schema as s
from synthtab.batch import Batch
from synthtab.errors import UsageError
from synthtab.ir import nodes as n
from synthtab.ir.constants import is_whole
from synthtab.ir.context import separate, separate_pair, simplified
from synthtab.ir.typing import check
from synthtab.ir.walk import rebuild

Record = dict[str, s.Value | None]


@dataclass(frozen=True)
class ModelCase:
    """Tables with rules, and rows as Python values and in codes."""

    seed: int
    tables: tuple[n.Table, ...]
    rows: dict[str, list[Record]]
    batches: dict[str, Batch]


def model_cases(seeds: Iterable[int], rules: int = 6, rows: int = 7) -> Iterator[ModelCase]:
    """Yield one case per seed: ``t`` has that many rules, and each table at most so many rows."""
    for seed in seeds:
        yield make_model(seed, rules, rows)


def make_model(seed: int, rules: int = 6, rows: int = 7) -> ModelCase:
    """Return the case of a seed."""
    rng = random.Random(seed)
    shared = random_columns(rng)
    text = rng.choice([s.EnumType(("x", "y", "a")), s.TextType(5)])
    other = rng.choice([text, s.EnumType(("a", "x", "z")), s.TextType(9)])
    wide = rng.choice([s.IntegerType(), s.DecimalType(6, 1)])
    parent = (s.Column("id", s.IntegerType(), True), s.Column("code", text, True))
    child = (
        s.Column("key", s.IntegerType()),
        s.Column("pid", wide, True),
        s.Column("pcode", other, True),
        s.Column("boss", s.IntegerType(), True),
    )
    last = (s.Column("tkey", s.IntegerType(), True),)
    both = rng.random() < 0.5
    up = n.ReferenceRule(
        "up",
        ("pid", "pcode") if both else ("pid",),
        "p",
        ("id", "code") if both else ("id",),
    )
    boss = n.ReferenceRule("boss", ("boss",), "t", ("key",))
    down = n.ReferenceRule("down", ("tkey",), "t", ("key",))
    bare = (
        n.Table("p", parent + shared),
        n.Table("t", child + shared, (up, boss)),
        n.Table("u", last + shared, (down,)),
    )
    maker = ModelMaker(rng, shared, {t.name: t for t in bare})
    made = tuple(maker.rule(f"r{k}") for k in range(rules))
    tables = (bare[0], n.Table("t", bare[1].columns, (up, boss, *made)), bare[2])
    records = {t.name: [maker.record(t) for _ in range(rng.randint(0, rows))] for t in tables}
    batches = {t.name: to_batch(t.columns, records[t.name]) for t in tables}
    return ModelCase(seed, tables, records, batches)


class ModelMaker:
    """Makes rules of every kind for table ``t``."""

    def __init__(
        self, rng: random.Random, shared: tuple[s.Column, ...], tables: dict[str, n.Table]
    ) -> None:
        self.rng = rng
        self.shared = shared
        self.tables = tables
        self.table = tables["t"]
        self.maker = RuleMaker(rng, shared)
        self.by_name = {c.name: c for c in shared}

    def record(self, table: n.Table) -> Record:
        """Return a row; keys and codes come from a handful of values."""
        rng = self.rng
        row: Record = {}
        for column in table.columns:
            if column in self.shared:
                row[column.name] = self.maker.cell(column)
                continue
            value: Any = rng.randint(0, 3)
            if isinstance(column.type, s.EnumType):
                value = rng.choice(column.type.values)
            elif isinstance(column.type, s.TextType):
                value = rng.choice("xyaz")
            elif isinstance(column.type, s.DecimalType):
                value = Decimal(value) + rng.choice([Decimal(0), Decimal(0), Decimal("0.5")])
            row[column.name] = None if column.optional and rng.random() < 0.2 else value
        return row

    def rule(self, name: str) -> n.Rule:
        """Return a rule that the type checker accepts."""
        makers: list[Callable[[str], n.Rule | None]] = [
            *([self.row_rule] * 5),
            *([self.pair_rule] * 2),
            self.unique_rule,
            self.determines_rule,
            self.no_overlap_rule,
        ]
        while True:
            rule = self.rng.choice(makers)(name)
            if rule is not None:
                return rule

    def row_rule(self, name: str) -> n.Rule | None:
        found = self.condition()
        return None if found is None else n.RowRule(name, found)

    def condition(self) -> n.Condition | None:
        """Return a condition with context terms in it; None where it came out wrong."""
        rng = self.rng
        choice = rng.random()
        numbers = self.named(s.IntegerType | s.DecimalType)
        ordered = self.named(s.IntegerType | s.DecimalType | s.DateType | s.DatetimeType)
        if choice < 0.12 and ordered:
            term = n.ColumnRef(rng.choice(ordered))
            return n.Increasing(term, rng.random() < 0.5, self.some(), self.some(2))
        if choice < 0.2:
            whole = [c for c in numbers if is_whole(n.ColumnRef(c), self.by_name)]
            name = rng.choice([*whole, "key", "key"])
            gap_free = n.GapFree(n.ColumnRef(name), rng.randint(-1, 2), self.some())
            return rng.choice([gap_free, n.Not(gap_free)])
        try:
            made = self.beyond(self.maker.condition(rng.choice([0, 1, 2])), "t", 2)
            simplified(made)
            parts = separate(made, self.table, self.tables)
        except (UsageError, TypeError):
            return None
        return made if parts.definitions and _accepted(parts.table, parts.node) else None

    def beyond(self, node: Any, home: str, depth: int) -> Any:
        """Put context terms of the same type in the place of some columns."""
        if isinstance(node, n.ColumnRef) and self.rng.random() < 0.7:
            return self.context(node, home, depth)
        return rebuild(node, lambda inner: self.beyond(inner, home, depth))

    def context(self, column: n.ColumnRef, home: str, depth: int) -> Any:
        rng = self.rng
        kind = self.table.column(column.name).type
        number = isinstance(kind, s.IntegerType | s.DecimalType)
        paths: dict[str, list[tuple[str, ...]]] = {
            "p": [],
            "t": [("pid",), ("p",), ("boss",), ("boss", "pid")],
            "u": [("tkey",), ("t", "p"), ("tkey", "boss")],
        }
        choice = rng.random()
        if choice < 0.3 or depth == 0 or home != "t":
            return n.ParentRef(rng.choice(paths[home]), column.name) if paths[home] else column
        if choice < 0.55:
            start = self.maker.literal(self.kind_of(kind)) if rng.random() < 0.5 else None
            operand = self.operand(column, "t", number)
            return n.Previous(operand, start, self.some(), self.some(2))
        if not number and not isinstance(kind, s.DateType | s.DatetimeType):
            if isinstance(kind, s.BooleanType):
                return column
            # A count is no text, but the checker sorts that out.
            return column
        of = rng.choice([None, None, "u", "u", "t"])
        via = "boss" if of == "t" else None
        at = "t" if of is None else of
        functions = ["count", "count", "sum", "avg", "min", "max"] if number else ["min", "max"]
        function: Any = rng.choice(functions)
        operand = self.operand(column, at, number)
        if function == "count" and rng.random() < 0.5:
            operand = n.ColumnRef(rng.choice(self.shared).name) if rng.random() < 0.5 else None
        where = None
        if rng.random() < 0.4:
            where = self.maker.condition(1)
            if not _accepted(self.table, where):
                where = n.IsNull(n.ColumnRef(self.shared[0].name))
            where = self.beyond(where, at, 0) if rng.random() < 0.3 else where
        distinct = operand is not None and rng.random() < 0.3
        per = () if of is not None else self.some()
        return n.Aggregate(function, operand, distinct, where, of, per, via)

    def operand(self, column: n.ColumnRef, home: str, number: bool) -> Any:
        rng = self.rng
        if not number or rng.random() < 0.6:
            return column
        other: Any = n.ColumnRef(rng.choice(self.named(s.IntegerType | s.DecimalType)))
        if rng.random() < 0.4:
            other = self.context(other, home, 0)
        return rng.choice(
            [n.Add(column, other), n.Multiply(column, other), n.Divide(column, n.Literal(3))]
        )

    def kind_of(self, kind: s.ColumnType) -> object:
        match kind:
            case s.IntegerType() | s.DecimalType():
                return "number"
            case s.DateType():
                return "date"
            case s.DatetimeType():
                return "datetime"
            case s.BooleanType():
                return "boolean"
            case s.TextType():
                return "text"
            case s.EnumType(values):
                return values

    def pair_rule(self, name: str) -> n.Rule | None:
        rng = self.rng
        parts: list[Any] = []
        for _ in range(rng.choice([0, 1, 1])):
            column = rng.choice([*(c.name for c in self.shared), "pid", "pcode", "boss"])
            parts.append(n.Compare("=", _side("a", column), _side("b", column)))
        ordered = self.named(s.IntegerType | s.DecimalType | s.DateType | s.DatetimeType)
        for _ in range(rng.choice([0, 1, 1, 2, 2, 3])):
            column = rng.choice([*ordered, "key", "pid"])
            op: Any = rng.choice(["<", "<=", ">", ">=", "!="])
            parts.append(n.Compare(op, _side("a", column), _side("b", column)))
        if not parts or rng.random() < 0.4:
            parts.append(self.sided(self.maker.condition(rng.choice([0, 1, 2]))))
        if rng.random() < 0.2:
            parts.append(self.sided(self.maker.condition(0), ("a",)))
        condition = parts[0] if len(parts) == 1 else n.And(tuple(parts))
        rule = n.PairRule(name, "a", "b", condition)
        try:
            made = separate_pair(rule, self.table, self.tables)
        except TypeError:
            return None
        return rule if made.sides and _accepted(made.table, made.condition) else None

    def sided(self, node: Any, sides: tuple[str, ...] = ("a", "b")) -> Any:
        if isinstance(node, n.ColumnRef):
            path = (self.rng.choice(sides), *self.rng.choice([(), (), (), ("pid",)]))
            return n.ParentRef(path, node.name)
        return rebuild(node, lambda inner: self.sided(inner, sides))

    def unique_rule(self, name: str) -> n.Rule | None:
        where = self.maker.condition(1) if self.rng.random() < 0.7 else None
        if where is not None and not _accepted(self.table, where):
            return None
        return n.UniqueRule(name, self.some(2) or ("pid",), where=where)

    def determines_rule(self, name: str) -> n.Rule | None:
        left, right = self.some(2), self.some(2)
        return n.DeterminesRule(name, left, right) if left and right else None

    def no_overlap_rule(self, name: str) -> n.Rule | None:
        kinds = [s.IntegerType | s.DecimalType, s.DateType, s.DatetimeType]
        names = self.named(self.rng.choice(kinds))
        if len(names) < 2:
            names = ["key", "pid"]
        start, end = self.rng.sample(names, 2)
        return n.NoOverlapRule(name, start, end, self.some(1))

    def named(self, kind: Any) -> list[str]:
        return [c.name for c in self.shared if isinstance(c.type, kind)]

    def some(self, most: int = 1) -> tuple[str, ...]:
        """Return some columns of ``t`` to group or order by."""
        names = [*self.table.column_names, "pid", "boss", "pcode"]
        picked = self.rng.sample(names, self.rng.randint(0, most))
        return tuple(dict.fromkeys(picked))


def _side(side: str, column: str) -> n.ParentRef:
    return n.ParentRef((side,), column)


def _accepted(table: n.Table, condition: n.Condition) -> bool:
    whole = n.Table(table.name, table.columns, (n.RowRule("r", condition),))
    return not any(d.severity == "error" for d in check([whole]))
