"""Following references from table to table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from synthtab.ir import nodes

Tables = Mapping[str, nodes.Table]


def references(table: nodes.Table) -> tuple[nodes.ReferenceRule, ...]:
    """Return a table's references, in the order written."""
    return tuple(r for r in table.rules if isinstance(r, nodes.ReferenceRule))


def candidates(table: nodes.Table, name: str) -> tuple[nodes.ReferenceRule, ...]:
    """Return the references that a step of a path may mean; one where the path is right.

    A step is the name of a referring column, or else of the table referred to.
    """
    known = references(table)
    return (
        tuple(r for r in known if r.columns == (name,))
        or tuple(r for r in known if name in r.columns)
        or tuple(r for r in known if r.parent == name)
    )


def follow(
    path: Sequence[str], table: nodes.Table, tables: Tables
) -> tuple[tuple[nodes.ReferenceRule, ...], nodes.Table]:
    """Return the references that a checked path follows, and the table it ends in.

    Raises LookupError where a step is none, or more than one, of a table's references.
    """
    steps = []
    for name in path:
        found = candidates(table, name)
        if len(found) != 1 or found[0].parent not in tables:
            raise LookupError(f"`{name}` is not one reference of table `{table.name}`")
        steps.append(found[0])
        table = tables[found[0].parent]
    return tuple(steps), table


def link(child: nodes.Table, parent: nodes.Table, via: str | None = None) -> nodes.ReferenceRule:
    """Return the one reference from ``child`` to ``parent``, which ``count(of child)`` goes by.

    ``via`` is the step that is meant where there are several. Raises LookupError where there is
    none, or more than one.
    """
    steps = references(child) if via is None else candidates(child, via)
    found = [r for r in steps if r.parent == parent.name]
    if len(found) != 1:
        raise LookupError(
            f"table `{child.name}` has {len(found)} references to `{parent.name}`, not one"
        )
    return found[0]
