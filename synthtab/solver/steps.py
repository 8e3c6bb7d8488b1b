"""One word for each step along a reference, where the language has several."""

from __future__ import annotations

from dataclasses import replace

from synthtab.ir import nodes
from synthtab.ir.references import Tables, candidates, follow, link
from synthtab.ir.walk import rebuild


def step_of(reference: nodes.ReferenceRule, table: nodes.Table) -> str | None:
    """Return the word by which a path follows a reference; None where no word means it alone."""
    words = (*reference.columns, reference.parent)
    return next((w for w in words if candidates(table, w) == (reference,)), None)


def by_steps(node: nodes.Node, table: nodes.Table, tables: Tables) -> nodes.Condition:
    """Return a condition with one word for each step of a path, where several would do."""

    def change(inner: nodes.Node) -> nodes.Node:
        if isinstance(inner, nodes.Aggregate) and inner.of is not None:
            child = tables[inner.of]
            return replace(inner, via=step_of(link(child, table, inner.via), child) or inner.via)
        if not isinstance(inner, nodes.ParentRef):
            return inner if isinstance(inner, nodes.CONTEXT) else rebuild(inner, change)
        home, path = table, []
        for word, reference in zip(inner.path, follow(inner.path, table, tables)[0], strict=True):
            path.append(step_of(reference, home) or word)
            home = tables[reference.parent]
        return replace(inner, path=tuple(path))

    changed: nodes.Condition = change(node)  # type: ignore[assignment]
    return changed
