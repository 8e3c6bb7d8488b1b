"""Rules among siblings that no column of a row's context says: judged once a row is written.

``forbid pair`` within a parent's rows, say, or a figure over some of them. Of a group that was
lawful before, the row written last is at fault, and is written again.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from synthtab.backends.tables import Checks
from synthtab.batch import Batch, Mask
from synthtab.ir import nodes
from synthtab.ir.walk import columns_of, descendants
from synthtab.relational.reading import Rows
from synthtab.relational.structure import Home, conjuncts
from synthtab.relational.tablemodel import TableModel

References = list[nodes.ReferenceRule]


def apart(home: Home) -> list[tuple[nodes.ReferenceRule, References]]:
    """Return a table's lead with the references that no two siblings may have in common.

    There is one pair for each unique rule over the columns of the lead and of other references.
    """
    found = []
    for rule in home.distinct:
        mine = [r for r in home.others if set(r.columns) <= set(rule.columns)]
        if home.lead is not None and mine:
            columns = {*home.lead.columns, *(c for r in mine for c in r.columns)}
            if set(rule.columns) == columns:
                found.append((home.lead, mine))
    return found


def sibling_rules(model: TableModel) -> tuple[nodes.Rule, ...]:
    """Return the rules that are left, and that look no further than a lead's rows."""
    home, left = model.view.home, set(model.view.left)
    if home.lead is None:
        return ()
    lead = set(home.lead.columns)
    known = {*model.written, *home.settled}
    rules = [r for r in home.table.rules if r.share is None and r.name in left]
    return tuple(r for r in rules if _within(r, lead, known))


def _within(rule: nodes.Rule, lead: set[str], known: set[str]) -> bool:
    if isinstance(rule, nodes.PairRule):
        equal = set()
        for part in conjuncts(rule.condition):
            match part:
                case nodes.Compare(
                    "=", nodes.ParentRef((one,), column), nodes.ParentRef((other,), same)
                ) if column == same and one != other:
                    equal.add(column)
        terms = [n for n in descendants(rule.condition) if isinstance(n, nodes.ParentRef)]
        return lead <= equal and all(len(t.path) == 1 and t.column in known for t in terms)
    if isinstance(rule, nodes.NoOverlapRule):
        return lead <= set(rule.per) and {rule.start, rule.end, *rule.per} <= known
    if not isinstance(rule, nodes.RowRule):
        return False
    terms_ = list(descendants(rule.condition))
    if any(isinstance(t, nodes.ParentRef) for t in terms_):
        return False
    groups = [t for t in terms_ if isinstance(t, nodes.CONTEXT)]
    return (
        bool(groups)
        and all(lead <= set(getattr(t, "per", ())) for t in groups)
        and all(getattr(t, "of", None) is None for t in groups)
        and all(set(getattr(t, "order", ())) <= known for t in groups)
        and set(columns_of(rule.condition)) <= known
    )


def torn(table: nodes.Table, rules: Sequence[nodes.Rule], batch: Batch, group: Rows) -> Mask:
    """Say of each row (rows,) whether a rule is broken in its group; ``group`` numbers these."""
    alone = nodes.Table(table.name, table.columns, tuple(rules), span=table.span)
    checks = Checks((alone,), {table.name: batch})
    wrong = np.zeros(len(batch), dtype=bool)
    for rule in rules:
        wrong |= checks.violated(table.name, rule)
    return np.isin(group, group[wrong])
