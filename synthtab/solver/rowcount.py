"""How many rows a table can have: what its keys and unique rules leave room for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np

from synthtab.errors import InfeasibleError
from synthtab.ir import core, nodes
from synthtab.schema import TextType, domain
from synthtab.solver import reach
from synthtab.solver.eliminate import Deadline
from synthtab.solver.inquiry import Inquiry
from synthtab.solver.vary import Sampler

# Keys of at most so many combinations of values are counted one by one.
MAX_COUNTED = 2_048
# At most so many rows are made to show that they can exist.
MAX_MADE = 20_000


@dataclass(frozen=True)
class Room:
    """How many rows there can be.

    ``enough`` is None where that was not decided; ``rule`` and ``most`` name the rule that is in
    the way and how many rows it leaves.
    """

    enough: bool | None
    rule: nodes.UniqueRule | None = None
    most: int = 0


def room_for(table: nodes.Table, rows: int, groups: Sequence[Inquiry], deadline: Deadline) -> Room:
    """Say whether ``rows`` rows can keep the row rules, keys and unique rules of a table.

    ``groups`` are the inquiries about all columns that row rules mention, each known to allow a
    row. "No" is a proof; "yes" is one as well, or comes from rows that were made and checked.
    """
    counted: dict[str, int | None] = {}
    for rule in table.unique_rules:
        most, exact = _values(table, rule, rows, groups, deadline)
        if most is not None and most < rows:
            return Room(False, rule, most)
        counted[rule.name] = most if exact else None
    if rows <= 1 or all(_free(table, rule, rows, groups) for rule in table.unique_rules):
        return Room(True)
    if len(table.unique_rules) == 1 and counted[table.unique_rules[0].name] is not None:
        return Room(True)
    return Room(True if _made(table, rows, deadline) else None)


def _values(
    table: nodes.Table,
    rule: nodes.UniqueRule,
    rows: int,
    groups: Sequence[Inquiry],
    deadline: Deadline,
) -> tuple[int | None, bool]:
    """Return an upper limit to the different keys of a rule, and whether it is exact or enough.

    None: no limit is known. Counting ends as soon as there are enough for ``rows``.
    """
    if any(_may_be_null(table, c, groups) for c in rule.columns):
        return None, False
    sizes = [_size(table, c) for c in rule.columns]
    limit = None if None in sizes else prod(s for s in sizes if s is not None)
    total, exact = 1, True
    for inquiry, names in _by_group(groups, rule.columns):
        own = [_size(table, c) for c in names]
        if None in own:
            return limit, False
        many = prod(s for s in own if s is not None)
        if inquiry is None:
            total *= many
            continue
        if many > MAX_COUNTED:
            total, exact = total * many, False
            continue
        found = 0
        for codes in _combinations(table, names):
            wanted = core.And(
                (core.Truth(True), *(reach.equals(c, k) for c, k in zip(names, codes, strict=True)))
            )
            verdict = inquiry.can(wanted).verdict
            exact = exact and verdict != "open"
            found += verdict != "no"
            if found * total >= rows and exact:
                break
        total *= found
    return min(total, limit) if limit is not None else total, exact


def _by_group(
    groups: Sequence[Inquiry], columns: Sequence[str]
) -> Iterator[tuple[Inquiry | None, list[str]]]:
    parts: dict[int, tuple[Inquiry | None, list[str]]] = {}
    for column in columns:
        inquiry = _inquiry(groups, column)
        parts.setdefault(id(inquiry), (inquiry, []))[1].append(column)
    yield from parts.values()


def _inquiry(groups: Sequence[Inquiry], column: str) -> Inquiry | None:
    return next((g for g in groups if column in g.table.column_names), None)


def _may_be_null(table: nodes.Table, column: str, groups: Sequence[Inquiry]) -> bool:
    if not table.column(column).optional:
        return False
    inquiry = _inquiry(groups, column)
    return inquiry is None or inquiry.can(reach.is_null(column)).verdict != "no"


def _size(table: nodes.Table, name: str) -> int | None:
    column = table.column(name)
    if isinstance(column.type, TextType):
        return None
    lo, hi = domain(column)
    return hi - lo + 1


def _combinations(table: nodes.Table, names: Sequence[str]) -> Iterator[tuple[int, ...]]:
    ends = [domain(table.column(c)) for c in names]
    return product(*(range(lo, hi + 1) for lo, hi in ends))


def _free(table: nodes.Table, rule: nodes.UniqueRule, rows: int, groups: Sequence[Inquiry]) -> bool:
    """Say whether a column no row rule mentions can tell ``rows`` rows apart by itself."""
    for name in rule.columns:
        column = table.column(name)
        if _inquiry(groups, name) is not None:
            continue
        size = _size(table, name)
        if size is not None and size >= rows:
            return True
        kind = column.type
        if isinstance(kind, TextType) and kind.pattern is None and 62**kind.max_length >= rows:
            return True
        if column.optional:
            return True  # NULL in every row, which unique rules let be
    return False


def _made(table: nodes.Table, rows: int, deadline: Deadline) -> bool:
    if rows > MAX_MADE or deadline.spent():
        return False
    try:
        sampler = Sampler(
            table, np.random.default_rng(0), budget_s=max(0.1, deadline.left_ms() / 2000)
        )
    except InfeasibleError:
        return False
    return len(sampler.draw(rows)) >= rows
