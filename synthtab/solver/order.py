"""The order in which a table's columns are decoded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from synthtab.backends.smt import SmtBackend
from synthtab.ir import core, nodes
from synthtab.ir.corewalk import descendants, variables
from synthtab.ir.normalise import lower
from synthtab.schema import TextType


def column_order(
    table: nodes.Table, backend: SmtBackend, sizes: Mapping[str, int] | None = None
) -> tuple[str, ...]:
    """Choose an order: few values first, inputs of a computed term before what it is compared with.

    Few values first lets rows share prefixes; a column that a rule equates with a sum of others
    (``gross = net + tax``) comes after them and is then computed; text comes last, or first where a
    rule speaks of it, since no mask reaches into text. ``sizes`` gives numbers of distinct values
    where they are known better than from the domains.
    """
    lowered = [lower(r.condition, table) for r in table.row_rules]
    used = {c for cond in lowered for c in variables(cond)}
    position = {c: i for i, c in enumerate(table.column_names)}

    def rank(name: str) -> tuple[int, int, int]:
        lo, hi = backend.ranges[name]
        if isinstance(table.column(name).type, TextType):
            return (0 if name in used else 2), 0, position[name]
        size = (sizes or {}).get(name, hi - lo + 1)
        return 1, size, position[name]

    before: dict[str, set[str]] = {c: set() for c in position}
    for condition in lowered:
        _add_determined(condition, backend, before)
        _add_hidden(condition, backend, before)
    return _sorted(position, before, rank)


def _add_determined(condition: core.Cond, backend: SmtBackend, before: dict[str, set[str]]) -> None:
    """Put the inputs of ``x = expression`` before x; x is the side that stands alone."""
    for part in _conjuncts(condition):
        if not (isinstance(part, core.Cmp) and part.op == "="):
            continue
        for side, other in ((part.left, part.right), (part.right, part.left)):
            target = _alone(side)
            inputs = set(variables(other))
            if target and len(inputs) > 1 and target not in inputs:
                before[target] |= inputs
                return


def _alone(term: core.Term) -> str | None:
    match term:
        case core.Var(name):
            return name
        case core.Sum(((_, core.Var(name)),), _):
            return name
        case _:
            return None


def _add_hidden(condition: core.Cond, backend: SmtBackend, before: dict[str, set[str]]) -> None:
    """Put the inputs of opaque terms before the other columns of the rule."""
    inputs = {c for t in _opaque(condition) for c in variables(t)}
    for name in variables(condition):
        if name not in inputs:
            before[name] |= inputs


def _opaque(condition: core.Cond) -> list[core.Term]:
    kinds = core.Product | core.AddMonths | core.CalendarPart | core.TextLength
    return [n for n in descendants(condition) if isinstance(n, kinds)]


def _conjuncts(condition: core.Cond) -> Sequence[core.Cond]:
    if isinstance(condition, core.And):
        return [c for arg in condition.args for c in _conjuncts(arg)]
    return [condition]


def _sorted(
    position: Mapping[str, int],
    before: Mapping[str, set[str]],
    rank: Callable[[str], tuple[int, int, int]],
) -> tuple[str, ...]:
    """Sort topologically, lowest rank first; a cycle is broken at its lowest rank."""
    left = list(position)
    done: list[str] = []
    while left:
        ready = [c for c in left if before[c] <= set(done) | {c}] or left
        chosen = min(ready, key=rank)
        done.append(chosen)
        left.remove(chosen)
    return tuple(done)
