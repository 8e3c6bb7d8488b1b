"""Writing models in Python: the same nodes that the text makes.

    from synthtab.lang.builder import col, column, rule, table, when, years

    person = table(
        "person",
        column("age", IntegerType(), lo=0, hi=120),
        column("born", DateType()),
        column("hired", DateType(), optional=True),
        rule("adult", col("hired") >= col("born") + years(18)),
        rule("old_enough", when(col("hired").is_not_null()).then(col("age") >= 18)),
    )

Constants are int, Decimal, str, bool, date and datetime. Floats are refused: rules are exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import NoReturn, cast

from synthtab.diagnostics import Diagnostic, Span
from synthtab.errors import ModelError, UsageError
from synthtab.ir import nodes
from synthtab.lang.measure import Measure, Scope, resolve_rule
from synthtab.lang.ruletree import default_rule_name
from synthtab.schema import Column, ColumnType, Value, encode_value, type_name

__all__ = [
    "case",
    "coalesce",
    "col",
    "column",
    "days",
    "hours",
    "key",
    "lit",
    "maximum",
    "minimum",
    "minutes",
    "months",
    "rule",
    "seconds",
    "table",
    "unique",
    "weeks",
    "when",
    "years",
]


@dataclass(frozen=True, eq=False)
class Expr:
    """A term or condition under construction; ``node`` is what it has come to so far.

    Python's operators make comparisons and arithmetic; ``&``, ``|`` and ``~`` are and, or and not.
    """

    node: nodes.Node | Measure

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        raise UsageError(
            "a condition has no truth of its own: join conditions with & | ~ (in parentheses),"
            " not with `and`, `or`, `not` or a chain such as 0 <= x <= 5"
        )

    # Comparisons.

    def __eq__(self, other: object) -> Expr:  # type: ignore[override]
        return self._compare("=", other)

    def __ne__(self, other: object) -> Expr:  # type: ignore[override]
        return self._compare("!=", other)

    def __lt__(self, other: object) -> Expr:
        return self._compare("<", other)

    def __le__(self, other: object) -> Expr:
        return self._compare("<=", other)

    def __gt__(self, other: object) -> Expr:
        return self._compare(">", other)

    def __ge__(self, other: object) -> Expr:
        return self._compare(">=", other)

    def between(self, lo: object, hi: object) -> Expr:
        """``x between lo and hi``, both ends included."""
        return Expr(nodes.Between(_term(self), _term(lo), _term(hi)))

    def isin(self, *options: object) -> Expr:
        """``x in (a, b, ...)``; the constants come one by one, or as one list, tuple or set."""
        if len(options) == 1 and isinstance(options[0], list | tuple | set | frozenset):
            given = options[0]
            options = tuple(
                sorted(given, key=repr) if isinstance(given, set | frozenset) else given
            )
        return Expr(nodes.In(_term(self), tuple(_literal(o) for o in options)))

    def is_null(self) -> Expr:
        """``x is null``."""
        return Expr(nodes.IsNull(_term(self)))

    def is_not_null(self) -> Expr:
        """``x is not null``."""
        return Expr(nodes.Not(nodes.IsNull(_term(self))))

    def like(self, pattern: str) -> Expr:
        """``x like 'A_%'``."""
        return Expr(nodes.Like(_term(self), pattern))

    def matches(self, pattern: str) -> Expr:
        """``x matching /pattern/``: the pattern fits the whole value."""
        return Expr(nodes.Matches(_term(self), pattern))

    # Conditions.

    def __and__(self, other: object) -> Expr:
        return Expr(nodes.And((*_parts(nodes.And, self), _condition(other))))

    def __or__(self, other: object) -> Expr:
        return Expr(nodes.Or((*_parts(nodes.Or, self), _condition(other))))

    def __invert__(self) -> Expr:
        return Expr(nodes.Not(_condition(self)))

    def iff(self, other: object) -> Expr:
        """``a iff b``."""
        return Expr(nodes.Iff(_condition(self), _condition(other)))

    # Arithmetic.

    def __add__(self, other: object) -> Expr:
        return Expr(nodes.Add(_term(self), _term(other)))

    def __radd__(self, other: object) -> Expr:
        return Expr(nodes.Add(_term(other), _term(self)))

    def __sub__(self, other: object) -> Expr:
        return Expr(nodes.Subtract(_term(self), _term(other)))

    def __rsub__(self, other: object) -> Expr:
        return Expr(nodes.Subtract(_term(other), _term(self)))

    def __mul__(self, other: object) -> Expr:
        return Expr(nodes.Multiply(_term(self), _term(other)))

    def __rmul__(self, other: object) -> Expr:
        return Expr(nodes.Multiply(_term(other), _term(self)))

    def __truediv__(self, other: object) -> Expr:
        return Expr(nodes.Divide(_term(self), _term(other)))

    def __rtruediv__(self, other: object) -> Expr:
        return Expr(nodes.Divide(_term(other), _term(self)))

    def __neg__(self) -> Expr:
        return Expr(nodes.Negate(_term(self)))

    def __abs__(self) -> Expr:
        return Expr(nodes.Absolute(_term(self)))

    def length(self) -> Expr:
        """``length(x)``."""
        return Expr(nodes.Length(_term(self)))

    def part(self, part: nodes.Part) -> Expr:
        """``year(x)``, ``quarter(x)``, ``month(x)`` and so on: see ``nodes.Part``."""
        return Expr(nodes.DatePart(part, _term(self)))

    def _compare(self, op: nodes.CompareOp, other: object) -> Expr:
        if other is None:
            raise UsageError("nothing equals null: use .is_null() or .is_not_null()")
        return Expr(nodes.Compare(op, _term(self), _term(other)))


@dataclass(frozen=True)
class Premise:
    """``when a``, waiting for its :meth:`then`."""

    premise: nodes.Condition

    def then(self, conclusion: object) -> Expr:
        """``when a then b``."""
        return Expr(nodes.When(self.premise, _condition(conclusion)))


@dataclass(frozen=True)
class Declaration:
    """A column with the key and unique rules declared on it."""

    column: Column
    rules: tuple[nodes.UniqueRule, ...]


def col(name: str) -> Expr:
    """Return a reference to a column."""
    return Expr(nodes.ColumnRef(name))


def lit(value: Value) -> Expr:
    """Return a constant, for where Python would not make one: ``lit(1) / 3``."""
    return Expr(_literal(value))


def when(premise: object) -> Premise:
    """Begin ``when(a).then(b)``."""
    return Premise(_condition(premise))


def case(*branches: tuple[object, object], otherwise: object = None) -> Expr:
    """``case when c then t ... else e end``, from pairs (condition, term)."""
    made = tuple((_condition(c), _term(t)) for c, t in branches)
    return Expr(nodes.Case(made, None if otherwise is None else _term(otherwise)))


def coalesce(*args: object) -> Expr:
    """``coalesce(a, b, ...)``: the first that is not null."""
    return Expr(nodes.Coalesce(tuple(map(_term, args))))


def minimum(*args: object) -> Expr:
    """``min(a, b, ...)``."""
    return Expr(nodes.Minimum(tuple(map(_term, args))))


def maximum(*args: object) -> Expr:
    """``max(a, b, ...)``."""
    return Expr(nodes.Maximum(tuple(map(_term, args))))


def years(amount: object) -> Expr:
    """A length of time to add to a date, or take from one."""
    return Expr(Measure(_term(amount), "years"))


def months(amount: object) -> Expr:
    """A length of time to add to a date, or take from one."""
    return Expr(Measure(_term(amount), "months"))


def weeks(amount: object) -> Expr:
    """A length of time to add to a date, or a number of days."""
    return Expr(Measure(_term(amount), "weeks"))


def days(amount: object) -> Expr:
    """A length of time to add to a date, or a number of days."""
    return Expr(Measure(_term(amount), "days"))


def hours(amount: object) -> Expr:
    """A length of time to add to a datetime, or a number of days."""
    return Expr(Measure(_term(amount), "hours"))


def minutes(amount: object) -> Expr:
    """A length of time to add to a datetime, or a number of days."""
    return Expr(Measure(_term(amount), "minutes"))


def seconds(amount: object) -> Expr:
    """A length of time to add to a datetime, or a number of days."""
    return Expr(Measure(_term(amount), "seconds"))


def column(
    name: str,
    kind: ColumnType,
    *,
    optional: bool = False,
    lo: Value | None = None,
    hi: Value | None = None,
    key: bool = False,
    unique: bool = False,
) -> Declaration:
    """Declare a column; ``lo`` and ``hi`` are values of its type, both included.

    Raises UsageError where an end of the range is not a value of the type.
    """
    ends = []
    for word, value in (("lo", lo), ("hi", hi)):
        if isinstance(value, float):
            _refuse_float(value)
        try:
            ends.append(None if value is None else encode_value(kind, value))
        except ValueError as error:
            raise UsageError(
                f"column `{name}`: {word}={value!r} does not fit {type_name(kind)}: {error}"
            ) from error
    rules = [
        nodes.UniqueRule(
            default_rule_name([name], "key" if primary else "unique"), (name,), primary
        )
        for primary, wanted in ((True, key), (False, unique))
        if wanted
    ]
    return Declaration(Column(name, kind, optional, ends[0], ends[1]), tuple(rules))


def rule(name: str, condition: object, description: str | None = None) -> nodes.RowRule:
    """Name a condition that every row must not make false.

    A length of time in it is settled by :func:`table`, which knows the columns.
    """
    return nodes.RowRule(name, _condition(condition), description)


def unique(
    *columns: str, name: str | None = None, description: str | None = None
) -> nodes.UniqueRule:
    """No two rows agree on all of the columns."""
    given = name or default_rule_name(columns, "unique")
    return nodes.UniqueRule(given, columns, False, description)


def key(*columns: str, name: str | None = None, description: str | None = None) -> nodes.UniqueRule:
    """Return the table's key: unique, and never null."""
    given = name or default_rule_name(columns, "key")
    return nodes.UniqueRule(given, columns, True, description)


def table(name: str, *items: Declaration | Column | nodes.Rule) -> nodes.Table:
    """Put columns and rules together.

    Raises ModelError where a length of time cannot be what it is used as; everything else is
    checked by ``Model.of``.
    """
    columns = tuple(
        i.column if isinstance(i, Declaration) else i
        for i in items
        if isinstance(i, Declaration | Column)
    )
    bare = nodes.Table(name, columns)
    found: list[Diagnostic] = []

    def report(code: str, message: str, span: Span | None, help_: str | None) -> None:
        found.append(Diagnostic(code, message, span, help_))

    rules: list[nodes.Rule] = []
    for item in items:
        match item:
            case Declaration():
                rules.extend(item.rules)
            case nodes.RowRule() if nodes.is_pure(item.condition):
                rules.append(resolve_rule(item, Scope(bare, (bare,)), report))
            case Column():
                pass
            case _ if isinstance(item, nodes.Rule):
                rules.append(item)
            case _:
                raise UsageError(
                    f"table `{name}` takes column(...), rule(...), key(...) and unique(...),"
                    f" not {item!r}"
                )
    if found:
        raise ModelError(found)
    return nodes.Table(name, columns, tuple(rules))


def _term(value: object) -> nodes.Term:
    if isinstance(value, Expr):
        return cast(nodes.Term, value.node)
    return _literal(value)


def _condition(value: object) -> nodes.Condition:
    if isinstance(value, Premise):
        raise UsageError("`when(...)` needs its `.then(...)`")
    return cast(nodes.Condition, _term(value))


def _parts(kind: type[nodes.And] | type[nodes.Or], value: Expr) -> Sequence[nodes.Condition]:
    """Continue a chain: ``a & b & c`` is one And of three."""
    return value.node.args if isinstance(value.node, kind) else (_condition(value),)


def _literal(value: object) -> nodes.Literal:
    if isinstance(value, float):
        _refuse_float(value)
    if isinstance(value, nodes.Literal):
        return value
    if not isinstance(value, int | Decimal | date | datetime | str):
        raise UsageError(
            f"{value!r} is no constant of the rules language: use int, Decimal, str, bool, date or"
            " datetime"
        )
    return nodes.Literal(value)


def _refuse_float(value: float) -> NoReturn:
    raise UsageError(
        f"{value!r} is a float, and rules are exact: write Decimal({str(value)!r}), or an int"
    )
