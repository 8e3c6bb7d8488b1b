"""Writing rules across rows and tables in Python; lang/builder.py has these functions as well."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, cast

from synthtab.errors import UsageError
from synthtab.ir import nodes
from synthtab.lang.expr import Expr, as_condition, as_literal, as_term, refuse_float
from synthtab.lang.ruletree import default_rule_name
from synthtab.schema import Value

Names = str | Sequence[str]


def const(name: str, value: Value) -> Expr:
    """Return a constant that is printed by its name."""
    return Expr(nodes.Literal(as_literal(value).value, name))


def reach(*path: str) -> Expr:
    """``account.status`` is ``reach("account", "status")``: references to follow, and a column.

    Within :func:`forbid_pair` it is a row of the pair and a column.
    """
    if len(path) < 2:
        raise UsageError("reach(...) takes the references to follow and then a column")
    return Expr(nodes.ParentRef(path[:-1], path[-1]))


def count(
    operand: object = None,
    *,
    distinct: bool = False,
    where: object = None,
    of: str | None = None,
    via: str | None = None,
    per: Names = (),
) -> Expr:
    """``count(x where c) per g``: rows, those with an ``operand``, or its different values."""
    term = None if operand is None else as_term(operand)
    condition = None if where is None else as_condition(where)
    return Expr(nodes.Aggregate("count", term, distinct, condition, of, _names(per), via))


def total(
    operand: object,
    *,
    where: object = None,
    of: str | None = None,
    via: str | None = None,
    per: Names = (),
) -> Expr:
    """``sum(x where c) per g``, or ``sum(x of table)`` with the rows that refer to this one."""
    return _figure("sum", operand, where, of, via, per)


def average(
    operand: object,
    *,
    where: object = None,
    of: str | None = None,
    via: str | None = None,
    per: Names = (),
) -> Expr:
    """``avg(x where c) per g``, exact."""
    return _figure("avg", operand, where, of, via, per)


def least(
    operand: object,
    *,
    where: object = None,
    of: str | None = None,
    via: str | None = None,
    per: Names = (),
) -> Expr:
    """``min(x where c) per g``: over rows, where ``minimum`` is over values of one row."""
    return _figure("min", operand, where, of, via, per)


def greatest(
    operand: object,
    *,
    where: object = None,
    of: str | None = None,
    via: str | None = None,
    per: Names = (),
) -> Expr:
    """``max(x where c) per g``: over rows, where ``maximum`` is over values of one row."""
    return _figure("max", operand, where, of, via, per)


def previous(
    operand: object, start: object = None, *, per: Names = (), ordered_by: Names = ()
) -> Expr:
    """``previous(x, start) per g ordered by t``."""
    first = None if start is None else as_term(start)
    return Expr(nodes.Previous(as_term(operand), first, _names(per), _names(ordered_by)))


def increasing(operand: object, *, per: Names = (), ordered_by: Names = ()) -> Expr:
    """``increasing(x) per g ordered by t``."""
    return Expr(nodes.Increasing(as_term(operand), True, _names(per), _names(ordered_by)))


def non_decreasing(operand: object, *, per: Names = (), ordered_by: Names = ()) -> Expr:
    """``non_decreasing(x) per g ordered by t``."""
    return Expr(nodes.Increasing(as_term(operand), False, _names(per), _names(ordered_by)))


def gap_free(operand: object, start: int | Expr = 1, *, per: Names = ()) -> Expr:
    """``gap_free(x, start) per g``; ``start`` is a whole number, or a :func:`const` that is one."""
    first = as_literal(start)
    if type(first.value) is not int:
        raise UsageError(f"gap_free counts from a whole number, not {first.value!r}")
    return Expr(nodes.GapFree(as_term(operand), first.value, _names(per), first.constant))


def determines(
    name: str,
    determinants: Names,
    dependents: Names,
    description: str | None = None,
    *,
    share: Decimal | int | None = None,
) -> nodes.DeterminesRule:
    """``rule name: determinants determines dependents``."""
    given = _names(determinants), _names(dependents)
    return nodes.DeterminesRule(name, *given, description, as_share(share))


def references(
    columns: Names,
    parent: str,
    parent_columns: Names,
    *,
    name: str | None = None,
    description: str | None = None,
    share: Decimal | int | None = None,
) -> nodes.ReferenceRule:
    """``columns -> parent (parent_columns)``."""
    own = _names(columns)
    given = name or default_rule_name(own, "reference")
    theirs = _names(parent_columns)
    return nodes.ReferenceRule(given, own, parent, theirs, description, as_share(share))


def no_overlap(
    name: str,
    start: str,
    end: str,
    *,
    per: Names = (),
    description: str | None = None,
    share: Decimal | int | None = None,
) -> nodes.NoOverlapRule:
    """``rule name: no overlap (start, end) per g``."""
    return nodes.NoOverlapRule(name, start, end, _names(per), description, as_share(share))


def forbid_pair(
    name: str,
    rows: tuple[str, str],
    condition: object,
    description: str | None = None,
    *,
    share: Decimal | int | None = None,
) -> nodes.PairRule:
    """``rule name: forbid pair (a, b): condition``; columns are ``reach("a", "salary")``."""
    first, second = rows
    made = as_condition(condition)
    return nodes.PairRule(name, first, second, made, description, as_share(share))


def as_share(share: Decimal | int | None) -> Decimal | None:
    """Return the share of a soft rule, a number up to 1 as in ``Decimal("0.98")``."""
    if isinstance(share, float):
        refuse_float(share)
    return None if share is None else Decimal(share)


def _figure(
    function: str, operand: object, where: object, of: str | None, via: str | None, per: Names
) -> Expr:
    condition = None if where is None else as_condition(where)
    name = cast(Any, function)
    return Expr(nodes.Aggregate(name, as_term(operand), False, condition, of, _names(per), via))


def _names(names: Names) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)
