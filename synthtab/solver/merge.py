"""Two versions of a table over one set of columns, so that a solver can compare their rules.

A column of both versions gets a type that holds the values of either; what each version allows of
it becomes a claim of that version.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from synthtab.ir import core, nodes
from synthtab.ir.walk import columns_of
from synthtab.lang.format import format_type
from synthtab.lang.quoting import write_name
from synthtab.schema import (
    Column,
    ColumnType,
    DecimalType,
    EnumType,
    TextType,
    domain,
)
from synthtab.solver.inquiry import Claim, rule_claims
from synthtab.solver.report import value_of

MAX_DIGITS = 18


@dataclass(frozen=True)
class Merged:
    """The columns both versions have, and each version's claims about them.

    ``changes`` says in words what else differs between the columns; ``apart`` whether that alone
    keeps the versions from allowing the same rows; ``skipped`` names rules about columns that only
    one version has.
    """

    table: nodes.Table
    old: tuple[Claim, ...]
    new: tuple[Claim, ...]
    changes: tuple[str, ...]
    apart: bool
    skipped: tuple[str, ...]


def merge(old: nodes.Table, new: nodes.Table) -> Merged:
    """Bring two versions of a table together."""
    changes: list[str] = []
    columns: list[Column] = []
    apart = False
    for name in dict.fromkeys((*old.column_names, *new.column_names)):
        shown = f"column {write_name(name)}"
        if name not in new.column_names or name not in old.column_names:
            verb = "removed" if name in old.column_names else "added"
            changes.append(f"{shown} is {verb}")
            apart = True
            continue
        before, after = old.column(name), new.column(name)
        changes += [f"{shown} {words}" for words in _changes(before, after)]
        both = _join(before, after)
        if both is None:
            apart = True
        else:
            columns.append(both)
    table = nodes.Table(new.name, tuple(columns))
    sides, skipped = [], []
    for version in (old, new):
        able = [r for r in version.row_rules if set(columns_of(r.condition)) <= _names(table)]
        skipped += [f"rule {r.name}" for r in version.row_rules if r not in able]
        declared = [c for both in columns for c in _declarations(version.column(both.name), both)]
        sides.append((*rule_claims(table, able), *declared))
    return Merged(table, sides[0], sides[1], tuple(changes), apart, tuple(dict.fromkeys(skipped)))


def _names(table: nodes.Table) -> set[str]:
    return set(table.column_names)


def _changes(before: Column, after: Column) -> list[str]:
    out = []
    if before.type != after.type:
        out.append(f"is {format_type(after.type)}, was {format_type(before.type)}")
    elif (before.lo, before.hi) != (after.lo, after.hi):
        out.append(f"has the range {_range(after)}, had {_range(before)}")
    if before.optional != after.optional:
        out.append("is now optional" if after.optional else "is not optional any more")
    return out


def _range(column: Column) -> str:
    if column.lo is None and column.hi is None:
        return "of its type"
    ends = ["" if e is None else value_of(column, e) for e in (column.lo, column.hi)]
    return " .. ".join(ends).strip()


def _join(before: Column, after: Column) -> Column | None:
    """Return a column that holds all values of both; None where their types do not go together."""
    kind = _join_types(before.type, after.type)
    if kind is None:
        return None
    column = Column(after.name, kind, before.optional or after.optional, span=after.span)
    if isinstance(kind, TextType | EnumType):
        return column
    ends = [[_scaled(c, end, kind) for end in domain(c)] for c in (before, after)]
    lo, hi = min(e[0] for e in ends), max(e[1] for e in ends)
    return replace(column, lo=lo, hi=hi)


def _join_types(before: ColumnType, after: ColumnType) -> ColumnType | None:
    match before, after:
        case _ if before == after:
            return after
        case DecimalType(p, s), DecimalType(q, t):
            digits = max(p - s, q - t) + max(s, t)
            return DecimalType(digits, max(s, t)) if digits <= MAX_DIGITS else None
        case TextType(length, pattern), TextType(other, again):
            return TextType(max(length, other), pattern if pattern == again else None)
        case EnumType(values), EnumType(others):
            together = _interleave(values, others)
            return None if together is None else EnumType(together)
    return None


def _interleave(one: Sequence[str], other: Sequence[str]) -> tuple[str, ...] | None:
    """Return the values of both lists in an order that agrees with each; None if there is none."""
    out: list[str] = []
    left, right = list(one), list(other)
    while left and right:
        if left[0] == right[0]:
            out.append(left.pop(0))
            right.pop(0)
        elif left[0] not in right:
            out.append(left.pop(0))
        elif right[0] not in left:
            out.append(right.pop(0))
        else:
            return None
    return (*out, *left, *right)


def _scaled(column: Column, code: int, kind: ColumnType) -> int:
    if isinstance(column.type, DecimalType) and isinstance(kind, DecimalType):
        return code * int(10 ** (kind.scale - column.type.scale))
    return code


def _declarations(own: Column, both: Column) -> list[Claim]:
    """Return what one version says of a column and the merged column does not."""
    var = core.Var(own.name)
    name = write_name(own.name)
    found: list[tuple[str, core.Cond]] = []
    if both.optional and not own.optional:
        found.append((f"that {name} is not optional", core.Not(core.IsNull(var))))
    match own.type, both.type:
        case TextType(length, pattern), TextType(most, shared):
            if length < most:
                limit = core.Const(length)
                found.append((f"the length of {name}", core.Cmp("<=", core.TextLength(var), limit)))
            if pattern is not None and pattern != shared:
                found.append((f"the pattern of {name}", core.TextMatch(var, pattern)))
        case EnumType(values), EnumType(every):
            if values != every:
                codes = tuple(k for k, v in enumerate(every) if v in values)
                found.append((f"the values of {name}", core.InSet(var, codes)))
        case _:
            lo, hi = (_scaled(own, end, both.type) for end in domain(own))
            if (lo, hi) != domain(both):
                within = (
                    core.Cmp("<=", core.Const(lo), var),
                    core.Cmp("<=", var, core.Const(hi)),
                )
                found.append((f"the range of {name}", core.And(within)))
            step = _scaled(own, 1, both.type)
            if step > 1:
                whole = core.Sum(((step, core.FloorDiv(var, step)),))
                found.append((f"the digits of {name}", core.Cmp("=", var, whole)))
    return [Claim(title, cond, own.span, is_rule=False) for title, cond in found]
