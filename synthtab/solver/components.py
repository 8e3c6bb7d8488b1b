"""Rules that share columns, directly or through others: the units the solver works on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import z3

from synthtab.backends.smt import NULL_SUFFIX, Hidden, SmtBackend
from synthtab.solver.eliminate import flatten, names_in


@dataclass(frozen=True)
class Component:
    """One connected component of a table's row rules.

    ``conjuncts`` are its rules as Z3 formulas ("is not violated"), without ranges; ``hidden`` the
    opaque terms they speak of.
    """

    columns: frozenset[str]
    rules: tuple[str, ...]
    conjuncts: tuple[z3.BoolRef, ...]
    hidden: tuple[Hidden, ...]

    def background(self, backend: SmtBackend) -> list[z3.BoolRef]:
        """Return the ranges of its columns, and the ranges and axioms of its hidden terms."""
        facts = [backend.range_formula(c) for c in sorted(self.columns)]
        for hidden in self.hidden:
            value = backend.value(hidden.name)
            facts += [value >= hidden.lo, value <= hidden.hi, *backend.axioms(hidden)]
        return facts


@dataclass(frozen=True)
class Group:
    """Columns that share rules, directly or through others, with all of their rules, whole."""

    columns: tuple[str, ...]
    rules: tuple[int, ...]


def groups(columns: Sequence[str], rules: Sequence[Collection[str]]) -> list[Group]:
    """Return the connected groups, in the order of their first columns.

    ``rules`` gives the columns of each rule; a Group names rules by their positions. Unlike
    :func:`components` no rule is taken apart. Every column is in one group; a rule without columns
    is a group of its own, after the others.
    """
    leader = {c: c for c in columns}

    def find(column: str) -> str:
        while leader[column] != column:
            leader[column] = column = leader[leader[column]]
        return column

    for mentioned in rules:
        first, *others = [find(c) for c in mentioned] or [""]
        for other in others:
            leader[find(other)] = find(first)
    members: dict[str, list[str]] = {}
    for column in columns:
        members.setdefault(find(column), []).append(column)
    spoken: dict[str, list[int]] = {}
    alone = []
    for at, mentioned in enumerate(rules):
        if mentioned:
            spoken.setdefault(find(next(iter(mentioned))), []).append(at)
        else:
            alone.append(Group((), (at,)))
    return [Group(tuple(m), tuple(spoken.get(c, ()))) for c, m in members.items()] + alone


def components(backend: SmtBackend) -> list[Component]:
    """Return the connected components of the row rules; columns no rule names are in none."""
    rules = [(rule.name, backend.holds(rule)) for rule in backend.table.row_rules]
    inputs = {h.name: frozenset(h.inputs) for h in backend.hidden}
    groups: list[tuple[frozenset[str], list[str], list[z3.BoolRef]]] = []
    for rule, formula in rules:
        for conjunct in flatten([formula]):
            columns: frozenset[str] = frozenset()
            for name in names_in(conjunct):
                columns |= inputs.get(name, {name.removesuffix(NULL_SUFFIX)})
            joined = [g for g in groups if g[0] & columns]
            groups = [g for g in groups if not g[0] & columns]
            names, conjuncts = [rule], [conjunct]
            for other in reversed(joined):
                columns |= other[0]
                names, conjuncts = other[1] + names, other[2] + conjuncts
            groups.append((columns, names, conjuncts))
    return [
        Component(
            columns,
            tuple(dict.fromkeys(names)),
            tuple(conjuncts),
            tuple(h for h in backend.hidden if h.inputs and set(h.inputs) <= columns),
        )
        for columns, names, conjuncts in groups
    ]
