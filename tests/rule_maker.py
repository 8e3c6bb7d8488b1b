"""Random columns, and random conditions and terms over them."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

from odd_values import DAYS, ENUMS, EXTREME_DAYS, LIKES, NAMES, PATTERNS, TEXTS, TIMES

from synthtab import schema as s
from synthtab.ir import nodes as n
from synthtab.ir.typing import check


def random_columns(rng: random.Random) -> tuple[s.Column, ...]:
    """Return two to seven columns of any type, ranges and options included."""
    names = rng.sample(NAMES, rng.randint(2, 7))
    return tuple(random_column(rng, name) for name in names)


def random_column(rng: random.Random, name: str) -> s.Column:
    kind: s.ColumnType = rng.choice(
        [
            s.IntegerType(),
            s.IntegerType(),
            s.DecimalType(*rng.choice([(3, 1), (10, 2), (18, 4), (5, 0), (6, 6), (18, 0)])),
            s.DateType(),
            s.DateType(),
            s.DatetimeType(rng.choice([1, 60, 3600])),
            s.BooleanType(),
            s.EnumType(rng.choice(ENUMS)),
            s.EnumType(rng.choice(ENUMS)),
            s.TextType(12, rng.choice([None, *PATTERNS])),
        ]
    )
    lo, hi = s.type_domain(kind)
    ends: tuple[int | None, int | None] = (None, None)
    if not isinstance(kind, s.BooleanType | s.EnumType | s.TextType) and rng.random() < 0.7:
        width = rng.choice([0, 3, 10, 400, 10**6])
        start = rng.choice([0, -3, lo, hi - width, rng.randint(lo, hi)])
        ends = (max(lo, start), min(hi, start + width))
        ends = rng.choice([ends, ends, ends, (ends[0], None), (None, ends[1])])
    return s.Column(name, kind, rng.random() < 0.5, *ends)


class RuleMaker:
    """Makes random conditions and terms over some columns."""

    def __init__(self, rng: random.Random, columns: tuple[s.Column, ...]) -> None:
        self.rng = rng
        self.columns = columns
        self.table = n.Table("t", columns)

    # Values

    def cell(self, column: s.Column) -> s.Value | None:
        """Return a value of the column, NULL or out of its declared range now and then."""
        rng = self.rng
        if rng.random() < (0.3 if column.optional else 0.03):
            return None
        if isinstance(column.type, s.TextType):
            return rng.choice(TEXTS)
        lo, hi = s.domain(column)
        if rng.random() < 0.1:
            lo, hi = s.type_domain(column.type)
        picks = [lo, hi, rng.randint(lo, hi), min(hi, lo + rng.randint(0, 4))]
        near = self._usual(column.type)
        if near is not None and lo <= near <= hi:
            picks += [near] * 3
        return s.decode_value(column.type, rng.choice(picks))

    def _usual(self, kind: s.ColumnType) -> int | None:
        rng = self.rng
        match kind:
            case s.IntegerType():
                return rng.randint(-3, 12)
            case s.DecimalType(_, scale):
                return rng.choice([rng.randint(-9, 9), rng.randint(-3, 12) * 10**scale])
            case s.DateType():
                return s.encode_value(kind, rng.choice(DAYS)) + rng.randint(-1, 1)
            case s.DatetimeType(resolution):
                return s.encode_value(kind, self.moment(resolution))
        return None

    def moment(self, resolution: int = 1) -> datetime:
        day = self.rng.choice(DAYS)
        hour, minute, second = self.rng.choice(TIMES)
        at = datetime(day.year, day.month, day.day, hour, minute, second)
        return at - timedelta(seconds=(hour * 3600 + minute * 60 + second) % resolution)

    # Rules

    def rule(self, name: str) -> n.RowRule:
        """Return a rule that the type checker accepts."""
        while True:
            rule = n.RowRule(name, self.condition(self.rng.choice([1, 2, 3])))
            table = n.Table("t", self.columns, (rule,))
            if not any(d.severity == "error" for d in check([table])):
                return rule

    def condition(self, depth: int) -> n.Condition:
        rng = self.rng
        if depth > 0 and rng.random() < 0.6:
            below = depth - 1
            args = tuple(self.condition(below) for _ in range(rng.randint(2, 3)))
            return rng.choice(
                [
                    n.And(args),
                    n.Or(args),
                    n.Not(args[0]),
                    n.When(args[0], args[1]),
                    n.Iff(args[0], args[1]),
                ]
            )
        return self.atom(depth)

    def atom(self, depth: int) -> n.Condition:
        rng = self.rng
        flags = self._of(s.BooleanType)
        choice = rng.random()
        if choice < 0.03:
            return n.Literal(rng.random() < 0.5)
        if choice < 0.08 and flags:
            return n.ColumnRef(rng.choice(flags))
        kind = self.kind()
        if choice < 0.18:
            return n.IsNull(self.term(kind, depth))
        if choice < 0.30:
            term = self.term(kind, depth)
            options = [self.literal(kind) for _ in range(rng.choice([1, 2, 3, 7]))]
            return n.In(term, tuple(options))
        if choice < 0.36:
            return n.Like(self.term(self._string_kind(), depth), rng.choice(LIKES))
        if choice < 0.42:
            return n.Matches(self.term(self._string_kind(), depth), rng.choice(PATTERNS))
        if choice < 0.52 and kind not in ("boolean", "text"):
            return n.Between(*(self.term(kind, depth) for _ in range(3)))
        ops = ["=", "!="] if kind in ("boolean", "text") else ["=", "!=", "<", "<=", ">", ">="]
        other = kind
        op = rng.choice(ops)
        if op in ("=", "!=") and (kind == "text" or isinstance(kind, tuple)):
            other = rng.choice([kind, self._string_kind()])
        return n.Compare(op, self.term(kind, depth), self.term(other, depth))  # type: ignore[arg-type]

    def kind(self) -> object:
        """Return a kind of term; an enum's is its tuple of values."""
        enums = [c.type.values for c in self.columns if isinstance(c.type, s.EnumType)]
        kinds: list[object] = ["number", "number", "date", "datetime", "boolean", "text", *enums]
        present = {
            "number": s.IntegerType | s.DecimalType,
            "date": s.DateType,
            "text": s.TextType,
            "datetime": s.DatetimeType,
            "boolean": s.BooleanType,
        }
        useful = [
            k for k in kinds if not isinstance(k, str) or k == "number" or self._of(present[k])
        ]
        return self.rng.choice(useful)

    def _string_kind(self) -> object:
        enums = [c.type.values for c in self.columns if isinstance(c.type, s.EnumType)]
        return self.rng.choice(["text", *enums])

    def _of(self, kind: object) -> list[str]:
        return [c.name for c in self.columns if isinstance(c.type, kind)]  # type: ignore[arg-type]

    # Terms

    def literal(self, kind: object) -> n.Literal:
        rng = self.rng
        match kind:
            case "number":
                if rng.random() < 0.3 and (known := self._of(s.IntegerType | s.DecimalType)):
                    value = self.cell(self.table.column(rng.choice(known)))
                    if value is not None:
                        return n.Literal(value)
                small = rng.randint(-4, 12)
                return n.Literal(rng.choice([small, small, Decimal(small).scaleb(-1)]))
            case "date":
                return n.Literal(rng.choice(DAYS if rng.random() < 0.9 else EXTREME_DAYS))
            case "datetime":
                return n.Literal(self.moment(rng.choice([1, 60, 3600])))
            case "boolean":
                return n.Literal(rng.random() < 0.5)
            case "text":
                return n.Literal(rng.choice(TEXTS))
        assert isinstance(kind, tuple)
        return n.Literal(rng.choice(kind))

    def term(self, kind: object, depth: int) -> n.Term:
        rng = self.rng
        if depth <= 0 or rng.random() < 0.35:
            return self.leaf(kind)
        below = depth - 1

        def sub() -> n.Term:
            return self.term(kind, below)

        choice = rng.random()
        if choice < 0.12:
            return n.Coalesce(tuple(sub() for _ in range(rng.randint(2, 3))))
        if choice < 0.26:
            branches = [(self.condition(below), sub()) for _ in range(rng.randint(1, 2))]
            return n.Case(tuple(branches), sub() if rng.random() < 0.6 else None)
        if choice < 0.4 and kind in ("number", "date", "datetime"):
            extreme = rng.choice([n.Minimum, n.Maximum])
            return extreme(tuple(sub() for _ in range(rng.randint(2, 3))))
        if kind == "number":
            return self.arithmetic(below)
        if kind in ("date", "datetime"):
            if kind == "date" and rng.random() < 0.3:
                return n.DatePart("date", self.term("datetime", below))
            units = ["days", "weeks", "months", "months", "years"]
            units += ["hours", "minutes", "seconds"] if kind == "datetime" else []
            return n.Shift(sub(), self.amount(), rng.choice(units))  # type: ignore[arg-type]
        return self.leaf(kind)

    def leaf(self, kind: object) -> n.Term:
        rng = self.rng
        match kind:
            case "number":
                names = self._of(s.IntegerType | s.DecimalType)
                if rng.random() < 0.1:
                    unit = rng.choice(["weeks", "days", "hours", "minutes", "seconds"])
                    return n.Quantity(rng.randint(-5, 40), unit)  # type: ignore[arg-type]
            case "date":
                names = self._of(s.DateType)
            case "datetime":
                names = self._of(s.DatetimeType)
            case "boolean":
                names = self._of(s.BooleanType)
            case "text":
                names = self._of(s.TextType | s.EnumType)
            case _:
                names = [c.name for c in self.columns if c.type == s.EnumType(kind)]  # type: ignore[arg-type]
        if names and rng.random() < 0.7:
            return n.ColumnRef(rng.choice(names))
        return self.literal(kind)

    def arithmetic(self, depth: int) -> n.Term:
        rng = self.rng

        def sub() -> n.Term:
            return self.term("number", depth)

        divisor = n.Literal(rng.choice([2, 3, -7, 10, Decimal("0.5"), Decimal("-1.2"), 0]))
        constant = rng.choice([divisor, divisor, n.Add(divisor, n.Literal(1))])
        parts = ["year", "quarter", "month", "day", "weekday"]
        makers: list[Callable[[], n.Term]] = [
            lambda: n.Negate(sub()),
            lambda: n.Add(sub(), sub()),
            lambda: n.Add(sub(), sub()),
            lambda: n.Subtract(sub(), sub()),
            lambda: n.Subtract(self.term("date", depth), self.term("date", depth)),
            lambda: n.Subtract(self.term("datetime", depth), self.term("datetime", depth)),
            lambda: n.Multiply(sub(), sub()),
            lambda: n.Multiply(self.literal("number"), sub()),
            lambda: n.Divide(sub(), constant),
            lambda: n.Absolute(sub()),
            lambda: n.DatePart(rng.choice(parts), self.term("date", depth)),  # type: ignore[arg-type]
            lambda: n.DatePart(
                rng.choice([*parts, "hour", "minute", "second"]),  # type: ignore[arg-type]
                self.term("datetime", depth),
            ),
            lambda: n.Length(self.term(self._string_kind(), depth)),
        ]
        return rng.choice(makers)()

    def amount(self) -> n.Term:
        """Return a whole number small enough for any calendar."""
        rng = self.rng
        small = [
            c.name
            for c in self.columns
            if (isinstance(c.type, s.IntegerType) or c.type == s.DecimalType(5, 0))
            and s.domain(c)[0] > -100_000
            and s.domain(c)[1] < 100_000
        ]
        if small and rng.random() < 0.6:
            column = n.ColumnRef(rng.choice(small))
            bounded = n.Maximum((n.Minimum((column, n.Literal(500))), n.Literal(-500)))
            return rng.choice([bounded, n.Negate(bounded), n.Add(bounded, n.Literal(1))])
        return n.Literal(rng.choice([0, 1, -1, 11, 12, 13, -12, 18, 30, -30, 100, 400]))
