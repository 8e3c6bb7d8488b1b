"""Offers for keys that are repeated or missing: a number that is free, a text like the old."""

from __future__ import annotations

import re

import numpy as np

from synthtab.backends.groups import Ids
from synthtab.ir import nodes
from synthtab.schema import Column, DecimalType, TextType, domain
from synthtab.solver.mending import offers as o
from synthtab.solver.mending.likeness import alike, is_ordered
from synthtab.solver.mending.scene import Case, Scene

MOST_MISSING = 50_000
MOST_MISSED = 12


def offer_keys(scene: Scene) -> None:
    """Offer fresh values for the rows that share a key, the earlier one included.

    So too for a part of a key that its column does not allow, NULL among others: what other rows
    hold would repeat their key.
    """
    for case in scene.cases:
        if not case.law.is_declaration or case.law.table in scene.frozen:
            continue
        table = scene.table(case)
        column = table.columns[case.law.column]
        for rule in table.unique_rules:
            if rule.share is None and column.name in rule.columns:
                if len(rule.columns) == 1:
                    _missed(scene, case, column.name, case.owners, case.rows)
                if is_ordered(column.type):
                    _numbers(scene, case, rule, column, case.owners, case.rows)
    for case in scene.of(nodes.UniqueRule):
        if case.law.table in scene.frozen:
            continue
        assert isinstance(case.law.rule, nodes.UniqueRule)
        owners, rows = _sharing(scene, case, case.law.rule)
        if len(case.law.rule.columns) == 1:
            _missed(scene, case, case.law.rule.columns[0], owners, rows)
        for name in case.law.rule.columns:
            column = scene.table(case).column(name)
            if is_ordered(column.type):
                _numbers(scene, case, case.law.rule, column, owners, rows)
            elif isinstance(column.type, TextType):
                _texts(scene, case, column, column.type, owners, rows)


def _sharing(scene: Scene, case: Case, rule: nodes.UniqueRule) -> tuple[Ids, Ids]:
    """Return the rows that repeat a key, and the first that has it, with who asks."""
    ids = scene.context.groups(scene.table(case).name, rule.columns).ids
    _, first = np.unique(ids, return_index=True)
    start = dict(zip(ids[first].tolist(), first.tolist(), strict=True)) if len(ids) else {}
    earlier = np.array([start[k] for k in ids[case.rows].tolist()], np.int64)
    return np.concatenate([case.owners, case.owners]), np.concatenate([case.rows, earlier])


def _missed(scene: Scene, case: Case, name: str, owners: Ids, rows: Ids) -> None:
    """Offer the values that rows of other tables refer by in vain: one of them was this key."""
    table = case.law.table
    declared = scene.table(case)
    for other in scene.of(nodes.ReferenceRule):
        rule = other.law.rule
        assert isinstance(rule, nodes.ReferenceRule)
        if (rule.parent, rule.parent_columns) != (declared.name, (name,)):
            continue
        if not alike(scene.table(other).column(rule.columns[0]).type, declared.column(name).type):
            continue
        wanted = np.unique(scene.cells(other.law.table, rule.columns[0])[0][other.rows])
        at = declared.column_names.index(name)
        for value in wanted[:MOST_MISSED].tolist():
            scene.offers.cell(owners, table, rows, at, value, o.CERTAIN)


def _numbers(
    scene: Scene, case: Case, rule: nodes.UniqueRule, column: Column, owners: Ids, rows: Ids
) -> None:
    table = case.law.table
    at = scene.table(case).column_names.index(column.name)
    codes, nulls = scene.cells(table, column.name)
    lo, hi = domain(column)
    unit = 10**column.type.scale if isinstance(column.type, DecimalType) else 1
    others = tuple(c for c in rule.columns if c != column.name)
    ids = scene.context.groups(scene.table(case).name, others).ids
    filled = np.flatnonzero(~nulls)
    by_group = filled[np.argsort(ids[filled], kind="stable")]
    grouped = ids[by_group]
    asked = np.argsort(ids[rows], kind="stable")
    for mine in np.split(asked, np.flatnonzero(np.diff(ids[rows][asked])) + 1):
        ends = np.searchsorted(grouped, ids[rows[mine[0]]] + np.arange(2))
        group = by_group[ends[0] : ends[1]]
        used = np.unique(codes[group])
        used = used[(used >= lo) & (used <= hi)]
        free = _missing(used, unit)
        # A number that fits between those of the rows beside it in the table is the best guess.
        before = np.searchsorted(group, rows[mine]) - 1
        after = np.searchsorted(group, rows[mine], side="right")
        for step, place in ((unit, before), (-unit, after)):
            inside = (place >= 0) & (place < len(group))
            if not inside.any():
                continue
            guess = codes[group[np.clip(place, 0, len(group) - 1)]] + step
            fine = inside & np.isin(guess, used, invert=True) & (guess >= lo) & (guess <= hi)
            chosen = mine[fine]
            scene.offers.cell(owners[chosen], table, rows[chosen], at, guess[fine], o.DETERMINED)
        count = len(mine)
        # Where no row of the group has a number, the least that is allowed is as good as any.
        top = int(used.max(initial=0)) if len(used) else min(max(0, lo - unit), hi)
        fresh = top + unit * (1 + np.arange(count))
        below = int(used.min(initial=0)) - unit * (1 + np.arange(count))
        for made, hint in ((fresh, o.LIKELY), (below, o.ANY)):
            fine = (made >= lo) & (made <= hi)
            scene.offers.cell(owners[mine[fine]], table, rows[mine[fine]], at, made[fine], hint)
        if len(free):
            sure = o.NAMED if len(free) <= 2 * count else o.LIKELY
            for shift in range(min(3, len(free))):
                made = free[(np.arange(count) + shift) % len(free)]
                scene.offers.cell(owners[mine], table, rows[mine], at, made, sure)


def _missing(used: Ids, unit: int) -> Ids:
    """Return the numbers that are missing between the least and the greatest used."""
    if len(used) < 2:
        return np.empty(0, np.int64)
    gaps = np.flatnonzero(np.diff(used) > unit)
    found: list[Ids] = []
    for k in gaps.tolist():
        last = min(int(used[k + 1]), int(used[k]) + unit * MOST_MISSING)
        found.append(np.arange(int(used[k]) + unit, last, unit))
        if sum(map(len, found)) > MOST_MISSING:
            break
    return np.concatenate([np.empty(0, np.int64), *found])


def _texts(
    scene: Scene, case: Case, column: Column, kind: TextType, owners: Ids, rows: Ids
) -> None:
    table = case.law.table
    at = scene.table(case).column_names.index(column.name)
    codes, nulls = scene.cells(table, column.name)
    used = {str(scene.sheets.pool[c]) for c in codes[~nulls].tolist()}
    fits = re.compile(kind.pattern).fullmatch if kind.pattern is not None else None
    for owner, row in zip(owners.tolist(), rows.tolist(), strict=True):
        if nulls[row]:
            continue
        for text in _like(str(scene.sheets.pool[codes[row]])):
            if text in used or len(text) > kind.max_length or (fits and not fits(text)):
                continue
            used.add(text)
            scene.offers.cell(owner, table, row, at, scene.sheets.text(text), o.LIKELY)
            break


def _like(text: str) -> list[str]:
    """Return texts that differ from one in a number within it, or in its last characters."""
    made = []
    for found in reversed(list(re.finditer("[0-9]+", text))):
        width = len(found.group())
        head, tail, own = text[: found.start()], text[found.end() :], int(found.group())
        numbers = (own + sign * step for step in range(1, 200) for sign in (1, -1))
        made += [f"{head}{n:0{width}d}{tail}" for n in numbers if 0 <= n < 10**width]
    made += [f"{text}{step}" for step in range(2, 100)]
    for place in range(len(text) - 1, -1, -1):
        made += [text[:place] + c + text[place + 1 :] for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
        made += [text[:place] + c + text[place + 1 :] for c in "abcdefghijklmnopqrstuvwxyz"]
    return made
