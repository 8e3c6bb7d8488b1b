"""Checks of the rules across rows and tables: their columns, what they refer to, their share."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from synthtab.diagnostics import Span
from synthtab.ir import nodes
from synthtab.ir.contextterms import ContextChecker
from synthtab.ir.types import DateT, DatetimeT, NumberT, TermType, type_of_column
from synthtab.schema import BooleanType, Column, DatetimeType, DecimalType, IntegerType, type_name


def check_rule(rule: nodes.Rule, checker: ContextChecker) -> None:
    """Report what is wrong about a rule, its condition apart. The checker is its table's."""
    _share(rule, checker)
    match rule:
        case nodes.DeterminesRule():
            _columns(rule.determinants, "determines", rule.span, checker)
            _columns(rule.dependents, "determines", rule.span, checker)
            for name in rule.dependents:
                if name in rule.determinants:
                    checker.report(
                        "E250",
                        f"`{name}` stands on both sides of `determines`",
                        rule.span,
                        "a column always determines itself: leave it out on the right",
                    )
        case nodes.ReferenceRule():
            _reference(rule, checker)
        case nodes.NoOverlapRule():
            _interval(rule, checker)
        case nodes.PairRule(first=first, second=second) if first == second:
            checker.report(
                "E252",
                f"both rows of the pair are called `{first}`",
                rule.span,
                "give them two names: `forbid pair (a, b): ...`",
            )


def _share(rule: nodes.Rule, checker: ContextChecker) -> None:
    exceptions = rule.share is not None or getattr(rule, "where", None) is not None
    if isinstance(rule, nodes.UniqueRule) and rule.primary and exceptions:
        checker.report(
            "E249",
            f"the key `{rule.name}` allows exceptions",
            rule.span,
            "a key holds for all rows: leave the share or the `where` out, or use `unique`",
        )
    if rule.share is not None and not 0 < rule.share <= 1:
        checker.report(
            "E248",
            f"`{rule.name}` cannot hold for {percent(rule.share)} of the rows",
            rule.span,
            "a share is more than 0% and at most 100%: `at least 98%`",
        )


def percent(share: Decimal) -> str:
    """Return a share of 1 as the language writes it, such as 98%."""
    return f"{(share * 100).normalize():f}%"


def _columns(
    names: Sequence[str],
    word: str,
    span: Span | None,
    checker: ContextChecker,
    table: nodes.Table | None = None,
) -> list[Column]:
    """Return the columns of those names, reporting the names that are wrong."""
    table = table or checker.table
    known = {c.name: c for c in table.columns}
    if not names:
        checker.report("E250", f"`{word}` names no column", span, "name at least one")
    for name in dict.fromkeys(names):
        if name not in known:
            checker.unknown_column(table, name, span)
        elif names.count(name) > 1:
            checker.report("E250", f"`{word}` names `{name}` twice", span, "name it once")
    return [known[name] for name in names if name in known]


def _reference(rule: nodes.ReferenceRule, checker: ContextChecker) -> None:
    own = _columns(rule.columns, "->", rule.span, checker)
    parent = checker.tables.get(rule.parent)
    if parent is None:
        checker.unknown_table(rule.parent, rule.span)
        return
    theirs = _columns(rule.parent_columns, "->", rule.span, checker, parent)
    if len(rule.columns) != len(rule.parent_columns):
        checker.report(
            "E242",
            f"{len(rule.columns)} columns cannot refer to {len(rule.parent_columns)}",
            rule.span,
            "name as many columns of the other table, in the same order",
        )
        return
    if len(own) != len(theirs) or len(own) != len(rule.columns):
        return
    for mine, other in zip(own, theirs, strict=True):
        if _kind(mine) != _kind(other):
            checker.report(
                "E242",
                f"`{mine.name}` ({type_name(mine.type)}) cannot refer to "
                f"`{rule.parent}.{other.name}` ({type_name(other.type)})",
                rule.span,
                "both need one type, with as many digits after the point or the same resolution",
            )
            return
    if not any(set(u.columns) == set(rule.parent_columns) for u in parent.unique_rules):
        listed = ", ".join(rule.parent_columns)
        checker.report(
            "E241",
            f"`{listed}` of table `{parent.name}` is no key, so a reference may find several rows",
            rule.span,
            f"declare it in `{parent.name}`: `key ({listed})` or `unique ({listed})`",
        )


def _kind(column: Column) -> object:
    """Return what two columns must share to be compared code by code, or text by text."""
    match column.type:
        case IntegerType():
            return DecimalType, 0
        case DecimalType(_, scale):
            return DecimalType, scale
        case DatetimeType(resolution):
            return DatetimeType, resolution
    return type(type_of_column(column.type))


def _interval(rule: nodes.NoOverlapRule, checker: ContextChecker) -> None:
    ends = _columns((rule.start, rule.end), "no overlap", rule.span, checker)
    if rule.per:
        _columns(rule.per, "per", rule.span, checker)
    kinds: list[TermType] = [type_of_column(c.type) for c in ends]
    wrong = [c for c, k in zip(ends, kinds, strict=True) if not _measurable(k)]
    for column in wrong:
        kind = "true or false" if isinstance(column.type, BooleanType) else type_name(column.type)
        checker.report(
            "E251",
            f"`{column.name}` ({kind}) cannot be the end of an interval",
            rule.span,
            "intervals are of numbers, dates or datetimes",
        )
    if len(ends) == 2 and not wrong and _kind(ends[0]) != _kind(ends[1]):
        first, last = ends
        checker.report(
            "E251",
            f"an interval cannot go from `{first.name}` ({type_name(first.type)}) "
            f"to `{last.name}` ({type_name(last.type)})",
            rule.span,
            "both ends need one type, with as many digits after the point or the same resolution",
        )


def _measurable(kind: TermType) -> bool:
    return isinstance(kind, NumberT | DateT | DatetimeT)
