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

from dataclasses import dataclass
from decimal import Decimal

from synthtab.diagnostics import Diagnostic, Span
from synthtab.errors import ModelError, UsageError
from synthtab.hints import Shape
from synthtab.ir import nodes
from synthtab.lang.across import (
    as_share,
    average,
    const,
    count,
    determines,
    forbid_pair,
    gap_free,
    greatest,
    increasing,
    least,
    no_overlap,
    non_decreasing,
    previous,
    reach,
    references,
    total,
)
from synthtab.lang.expr import Expr, Premise, as_condition, as_literal, as_term, refuse_float
from synthtab.lang.measure import Measure, Scope, resolve_rule
from synthtab.lang.ruletree import default_rule_name
from synthtab.lang.shapes import (
    exponential,
    hint_of,
    like,
    lognormal,
    normal,
    poisson,
    uniform,
    weights,
)
from synthtab.schema import Column, ColumnType, Value, encode_value, type_name

__all__ = [
    "average",
    "case",
    "coalesce",
    "col",
    "column",
    "const",
    "count",
    "days",
    "determines",
    "exponential",
    "forbid_pair",
    "gap_free",
    "greatest",
    "hours",
    "increasing",
    "key",
    "least",
    "like",
    "lit",
    "lognormal",
    "maximum",
    "minimum",
    "minutes",
    "months",
    "no_overlap",
    "non_decreasing",
    "normal",
    "poisson",
    "previous",
    "reach",
    "references",
    "rule",
    "seconds",
    "table",
    "total",
    "uniform",
    "unique",
    "weeks",
    "weights",
    "when",
    "years",
]


@dataclass(frozen=True)
class Declaration:
    """A column with the key, unique rules and reference declared on it."""

    column: Column
    rules: tuple[nodes.Rule, ...]


def col(name: str) -> Expr:
    """Return a reference to a column."""
    return Expr(nodes.ColumnRef(name))


def lit(value: Value) -> Expr:
    """Return a constant, for where Python would not make one: ``lit(1) / 3``."""
    return Expr(as_literal(value))


def when(premise: object) -> Premise:
    """Begin ``when(a).then(b)``."""
    return Premise(as_condition(premise))


def case(*branches: tuple[object, object], otherwise: object = None) -> Expr:
    """``case when c then t ... else e end``, from pairs (condition, term)."""
    made = tuple((as_condition(c), as_term(t)) for c, t in branches)
    return Expr(nodes.Case(made, None if otherwise is None else as_term(otherwise)))


def coalesce(*args: object) -> Expr:
    """``coalesce(a, b, ...)``: the first that is not null."""
    return Expr(nodes.Coalesce(tuple(map(as_term, args))))


def minimum(*args: object) -> Expr:
    """``min(a, b, ...)``."""
    return Expr(nodes.Minimum(tuple(map(as_term, args))))


def maximum(*args: object) -> Expr:
    """``max(a, b, ...)``."""
    return Expr(nodes.Maximum(tuple(map(as_term, args))))


def years(amount: object) -> Expr:
    """A length of time to add to a date, or take from one."""
    return Expr(Measure(as_term(amount), "years"))


def months(amount: object) -> Expr:
    """A length of time to add to a date, or take from one."""
    return Expr(Measure(as_term(amount), "months"))


def weeks(amount: object) -> Expr:
    """A length of time to add to a date, or a number of days."""
    return Expr(Measure(as_term(amount), "weeks"))


def days(amount: object) -> Expr:
    """A length of time to add to a date, or a number of days."""
    return Expr(Measure(as_term(amount), "days"))


def hours(amount: object) -> Expr:
    """A length of time to add to a datetime, or a number of days."""
    return Expr(Measure(as_term(amount), "hours"))


def minutes(amount: object) -> Expr:
    """A length of time to add to a datetime, or a number of days."""
    return Expr(Measure(as_term(amount), "minutes"))


def seconds(amount: object) -> Expr:
    """A length of time to add to a datetime, or a number of days."""
    return Expr(Measure(as_term(amount), "seconds"))


def column(
    name: str,
    kind: ColumnType,
    *,
    optional: bool = False,
    lo: Value | None = None,
    hi: Value | None = None,
    key: bool = False,
    unique: bool = False,
    to: tuple[str, str] | None = None,
    hint: Shape | None = None,
    nulls: Decimal | int | None = None,
) -> Declaration:
    """Declare a column; ``lo`` and ``hi`` are values of its type, both included.

    ``to`` is the table and column that it refers to; ``hint`` what its values look like where no
    data do (``normal(...)``, ``like("email")`` ...), ``nulls`` the share of its cells without one.

    Raises UsageError where an end of the range is not a value of the type.
    """
    ends = []
    for word, value in (("lo", lo), ("hi", hi)):
        if isinstance(value, float):
            refuse_float(value)
        try:
            ends.append(None if value is None else encode_value(kind, value))
        except ValueError as error:
            raise UsageError(
                f"column `{name}`: {word}={value!r} does not fit {type_name(kind)}: {error}"
            ) from error
    rules: list[nodes.Rule] = [
        nodes.UniqueRule(
            default_rule_name([name], "key" if primary else "unique"), (name,), primary
        )
        for primary, wanted in ((True, key), (False, unique))
        if wanted
    ]
    if to is not None:
        rules.append(references(name, *to))
    whole = Column(name, kind, optional, ends[0], ends[1], hint=hint_of(hint, nulls))
    return Declaration(whole, tuple(rules))


def rule(
    name: str,
    condition: object,
    description: str | None = None,
    *,
    share: Decimal | int | None = None,
) -> nodes.RowRule:
    """Name a condition that every row must not make false, or that share of the rows at least.

    A length of time in it is settled by :func:`table`, which knows the columns.
    """
    return nodes.RowRule(name, as_condition(condition), description, as_share(share))


def unique(
    *columns: str,
    name: str | None = None,
    description: str | None = None,
    where: object = None,
    share: Decimal | int | None = None,
) -> nodes.UniqueRule:
    """No two rows (that make ``where`` true) agree on all of the columns."""
    given = name or default_rule_name(columns, "unique")
    condition = None if where is None else as_condition(where)
    return nodes.UniqueRule(given, columns, False, description, condition, as_share(share))


def key(*columns: str, name: str | None = None, description: str | None = None) -> nodes.UniqueRule:
    """Return the table's key: unique, and never null."""
    given = name or default_rule_name(columns, "key")
    return nodes.UniqueRule(given, columns, True, description)


def table(name: str, *items: Declaration | Column | nodes.Rule) -> nodes.Table:
    """Put columns and rules together.

    Raises ModelError where a length of time cannot be what it is used as; everything else, and what
    depends on other tables, is for ``Model.of``.
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
