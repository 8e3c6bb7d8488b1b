"""What can be learned and enforced of one table, and what its rows are seen to hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from synthtab.assess.compliance import Compliance, compliance, valid_rows
from synthtab.batch import Batch, Mask
from synthtab.choices import Violations
from synthtab.errors import InfeasibleError, RuleViolationError, UsageError
from synthtab.ir import nodes
from synthtab.schema import BooleanType, Column, EnumType, TextType, domain
from synthtab.solver.plan import Plan
from synthtab.solver.project import compile_plan
from synthtab.solver.repair import repair

# Seconds to try for a Plan, per group of rules, in which soft rules are kept by all rows as well.
_SOFT_S = 2.0


def enforced(table: nodes.Table) -> nodes.Table:
    """Return the table with the rules that rows are made to keep: keys, and hard ones on one row.

    Raises UsageError naming the other hard rules: rows cannot be made to keep them yet.
    """
    names = ", ".join(f"`{rule.name}`" for rule in table.table_rules if rule.share is None)
    if names:
        raise UsageError(
            f"table `{table.name}` has rules that are checked, not generated yet: {names}; rules "
            "across rows and tables can be left to 'rulecheck validate' in a file of their own"
        )
    return replace(table, rules=(*table.row_rules, *table.unique_rules))


def soft_as_hard(
    table: nodes.Table, hard: nodes.Table, budget_s: float
) -> tuple[nodes.Table, Plan]:
    """Return the hard rules and their Plan, with the soft ones about single rows if that is exact.

    Where the Plan of both is not, soft rules are let be: none has to be kept by a row, and hard
    ones are kept with less trouble without them.
    """
    soft = [
        replace(r, share=None)
        for r in table.table_rules
        if isinstance(r, nodes.RowRule) and nodes.is_pure(r.condition)
    ]
    plan = compile_plan(hard, budget_s=budget_s)
    # More rules make no Plan exact, and hard ones that are hard to solve take the time for both.
    if soft and plan.exact:
        whole = replace(hard, rules=(*hard.rules, *soft))
        try:
            both = compile_plan(whole, budget_s=min(budget_s, _SOFT_S))
        except InfeasibleError:
            return hard, plan  # no row can keep all of them
        if both.exact:
            return whole, both
    return hard, plan


def lawful(
    table: nodes.Table, batch: Batch, violations: Violations, seed: int
) -> tuple[Batch, dict[str, int], int]:
    """Return rows that break nothing, how many broke each rule, how many cells were mended.

    ``violations`` says what is done about rows that break rules. Raises RuleViolationError where
    they are an error, and where no row is left.
    """
    found = compliance(table, batch)
    broken = {r.name: r.violated for r in found.broken}
    if not broken:
        return batch, {}, 0
    if violations == "error":
        raise RuleViolationError(_complaint(table, found))
    cells = 0
    if violations == "repair":
        mended = repair(table, batch, rng=np.random.default_rng(seed))
        cells, batch = int(mended.changed.sum()), mended.batch
    batch = batch.take(valid_rows(table, batch))
    if len(batch) == 0:
        raise RuleViolationError(
            f"no row is left: all rows of the data break {', '.join(broken)}; "
            "check the rules against the data with 'rulecheck validate'"
        )
    return batch, broken, cells


def _complaint(table: nodes.Table, found: Compliance) -> str:
    """Return what is said of real rows that break rules, a line for each rule."""
    lines = [
        f"{found.rows - found.valid:,} of {found.rows:,} real rows of table {table.name!r} "
        "break its rules:"
    ]
    for rule in found.broken:
        rows = ", ".join(map(str, rule.examples))
        more = ", ..." if rule.violated > len(rule.examples) else ""
        lines.append(f"  {rule.name}: {rule.violated:,} rows ({rows}{more})")
    lines.append("drop them (violations='drop'), repair them ('repair'), or correct the rules")
    return "\n".join(lines)


def seen(table: nodes.Table, batch: Batch) -> tuple[dict[str, tuple[int, int]], dict[str, int]]:
    """Return, per column, the range of codes to decode within and the number of distinct ones.

    Enums and booleans keep all they declare; what is ordered keeps to what was seen.
    """
    domains, sizes = {}, {}
    for column in table.columns:
        codes, nulls = batch.column(column.name)
        present = np.unique(codes[~nulls])
        sizes[column.name] = len(present) + bool(nulls.any())
        lo, hi = domain(column)
        if not isinstance(column.type, EnumType | BooleanType | TextType):
            lo, hi = (int(present[0]), int(present[-1])) if len(present) else (lo, lo)
        domains[column.name] = (lo, hi)
    return domains, sizes


def writable(
    columns: Sequence[Column], domains: Mapping[str, tuple[int, int]], batch: Batch
) -> Mask:
    """Say which rows hold, in all columns but texts, codes within the domains, or NULL."""
    good = np.ones(len(batch), dtype=bool)
    for column in columns:
        if not isinstance(column.type, TextType):
            codes, nulls = batch.column(column.name)
            lo, hi = domains[column.name]
            good &= nulls | ((codes >= lo) & (codes <= hi))
    return good
