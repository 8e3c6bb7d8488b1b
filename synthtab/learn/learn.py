"""Learning rules of tables from their rows: every kind in turn, then each rule judged exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_FLOOR, Decimal

import numpy as np
import pandas as pd

from synthtab.backends.context import Context
from synthtab.backends.tables import Checks
from synthtab.batch import Batch
from synthtab.frames import encode_frame
from synthtab.ir import nodes
from synthtab.lang.infer import infer_table
from synthtab.lang.model import Model
from synthtab.learn.dependencies import dependencies
from synthtab.learn.evidence import Found, Options, worth
from synthtab.learn.fields import Field, fields_of
from synthtab.learn.gaps import gaps
from synthtab.learn.implications import implications
from synthtab.learn.keys import keys
from synthtab.learn.orders import orders
from synthtab.learn.references import cardinalities, kinds_reached, references
from synthtab.learn.sequences import sequences
from synthtab.learn.totals import totals
from synthtab.schema import EnumType, TextType

Progress = Callable[[float], None]
"""Is told the share of the work done."""

_STAGES = 7  # for each table


@dataclass(frozen=True)
class Draft:
    """Tables with what was learned, and what speaks for each rule, by table and rule."""

    model: Model
    found: Mapping[tuple[str, str], Found]


class _Steps:
    """Counts stages for the one who waits."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._total, self._done, self._progress = total, 0, progress

    def done(self) -> None:
        """Take one stage as done."""
        self._done += 1
        if self._progress is not None:
            self._progress(min(1.0, self._done / self._total))

    def end(self) -> None:
        """Say that nothing is left to do; small tables have fewer stages."""
        if self._progress is not None and self._done < self._total:
            self._progress(1.0)


def learn(
    frames: Mapping[str, pd.DataFrame],
    options: Options | None = None,
    progress: Progress | None = None,
) -> Draft:
    """Return tables whose columns, keys, references and rules the frames keep.

    A rule that every row keeps is hard; one that few rows break is soft, with the share that keep
    it. Raises DataError as ``infer_table`` does.
    """
    options = options or Options()
    steps = _Steps(_STAGES * len(frames), progress)
    tables: dict[str, nodes.Table] = {}
    batches: dict[str, Batch] = {}
    fields: dict[str, tuple[Field, ...]] = {}
    evidence: dict[str, list[Found]] = {}
    unique: dict[str, frozenset[str]] = {}
    for name, frame in frames.items():
        table = infer_table(frame, name)
        batches[name] = encode_frame(table.columns, frame)
        fields[name] = fields_of(table, batches[name])
        steps.done()
        made, unique[name] = keys(table, fields[name], options)
        evidence[name] = _declared(table, batches[name]) + made[: options.most]
        tables[name] = _with(table, [f.rule for f in evidence[name]])
        steps.done()
    links = references(list(tables.values()), Context(tables.values(), batches), options)
    for name, table in tables.items():
        tables[name] = _texts(table, links[name], tables)
        if tables[name] is not table:
            batches[name] = encode_frame(tables[name].columns, frames[name])
            fields[name] = fields_of(tables[name], batches[name])
    checks = Checks(list(tables.values()), batches)
    for name, table in tables.items():
        told = [_reference(r, table, batches[name], checks) for r in links[name]]
        hard = [f for f in told if not f.broken]
        evidence[name] += told
        links[name] = [f.rule for f in hard if isinstance(f.rule, nodes.ReferenceRule)]
        tables[name] = _with(table, [f.rule for f in evidence[name]])
    checks = Checks(list(tables.values()), batches)
    for name, table in tables.items():
        rows = len(batches[name])
        made = []
        if rows >= options.least_support:
            made = _of_rows(table, fields[name], unique[name], links[name], checks, options, steps)
            made += cardinalities(table, links, fields, checks.context, options)
        evidence[name] += _judged(table, made, checks, options)
        steps.done()
    steps.end()
    return _draft(tables, evidence)


def _texts(
    table: nodes.Table, links: Sequence[nodes.ReferenceRule], tables: Mapping[str, nodes.Table]
) -> nodes.Table:
    """Return a table whose columns that refer to texts are such texts, not lists of some."""
    kinds = {r.columns[0]: tables[r.parent].column(r.parent_columns[0]).type for r in links}
    columns = [
        replace(c, type=TextType(max(kind.max_length, *map(len, c.type.values))))
        if isinstance(c.type, EnumType) and isinstance(kind := kinds.get(c.name), TextType)
        else c
        for c in table.columns
    ]
    return table if tuple(columns) == table.columns else replace(table, columns=tuple(columns))


def _of_rows(
    table: nodes.Table,
    fields: tuple[Field, ...],
    unique: frozenset[str],
    links: Sequence[nodes.ReferenceRule],
    checks: Checks,
    options: Options,
    steps: _Steps,
) -> list[Found]:
    plain = _meaningful(table, fields, links)
    sums = totals(plain, options)
    steps.done()
    formulas = {_columns(f.rule) for f in sums if not f.broken}
    suited = [f for f in fields if f.filled]
    depends, exact = dependencies(suited, unique, options, formulas)
    steps.done()
    found = [*depends, *sums]
    settled = {_columns(f.rule) for f in sums if f.kind in ("equalities", "sums")}
    pairs = {frozenset((a, b)) for names in settled for a in names for b in names if a != b}
    reached, homes = _reached(table, links, checks)
    found += orders([*plain, *(f for f in reached if f.measure)], options, pairs)
    found += kinds_reached(reached, homes, options)
    found += gaps(plain, options)
    steps.done()
    equal = {(a, b) for names in settled if len(names) == 2 for a in names for b in names}
    found += implications(plain, options, exact | equal)
    steps.done()
    ids = [r.columns[0] for r in links]
    return found + sequences(table, fields, ids, checks.context, options)


def _columns(rule: nodes.Rule) -> frozenset[str]:
    assert isinstance(rule, nodes.RowRule)
    names: set[str] = set()
    stack: list[object] = [rule.condition]
    while stack:
        top = stack.pop()
        if isinstance(top, nodes.ColumnRef):
            names.add(top.name)
        elif hasattr(top, "__dataclass_fields__"):
            stack += [getattr(top, f) for f in top.__dataclass_fields__]
    return frozenset(names)


def _meaningful(
    table: nodes.Table, fields: Iterable[Field], links: Sequence[nodes.ReferenceRule]
) -> list[Field]:
    """Return the columns whose values mean something: no keys, no references."""
    names = {r.columns for r in table.unique_rules} | {r.columns for r in links}
    return [f for f in fields if (f.label,) not in names]


def _reached(
    table: nodes.Table, links: Sequence[nodes.ReferenceRule], checks: Checks
) -> tuple[list[Field], dict[str, Field]]:
    """Return the columns of the rows that hard references lead to, and those of the parents."""
    found, homes = [], {}
    for rule in links:
        ways = [r for r in table.rules if isinstance(r, nodes.ReferenceRule)]
        alone = sum(r.parent == rule.parent for r in ways) == 1 and rule.parent != table.name
        step = rule.parent if alone and rule.parent not in table.column_names else rule.columns[0]
        parent = checks.context.tables[rule.parent]
        referring = {r.columns[0] for r in parent.rules if isinstance(r, nodes.ReferenceRule)}
        for column in parent.columns:
            keyed = any(r.columns == (column.name,) for r in parent.unique_rules)
            if keyed or column.name in referring:
                continue
            term = nodes.ParentRef((step,), column.name)
            there = checks.context.referred(table.name, rule)
            codes, nulls = checks.context.batches[rule.parent].column(column.name)
            gone = there < 0
            at = np.where(gone, 0, there)
            label = f"{step}.{column.name}"
            homes[label] = Field(label, term, column, codes, nulls)
            found.append(Field(label, term, column, codes[at], gone | nulls[at]))
    return found, homes


def _declared(table: nodes.Table, batch: Batch) -> list[Found]:
    """Return the key that the columns' names suggested."""
    rows = len(batch)
    return [Found("keys", rule, rows, float(rows)) for rule in table.rules]


def _reference(
    rule: nodes.ReferenceRule, table: nodes.Table, batch: Batch, checks: Checks
) -> Found:
    broken = int(checks.violated(table.name, rule).sum())
    support = int((~batch.column(rule.columns[0])[1]).sum())
    share = _share(broken, len(batch)) if broken else None
    return Found("references", replace(rule, share=share), support, float(support), broken)


def _judged(
    table: nodes.Table, found: Sequence[Found], checks: Checks, options: Options
) -> list[Found]:
    """Return the best rules of each kind, after counting exactly who breaks them."""
    by_kind: dict[str, list[Found]] = {}
    for one in found:
        by_kind.setdefault(one.kind, []).append(one)
    kept: list[Found] = []
    for candidates in by_kind.values():
        best: list[Found] = []
        for one in sorted(candidates, key=lambda f: -f.interest):
            if len(best) == options.most:
                break
            broken = int(checks.violated(table.name, one.rule).sum())
            made = replace(one, broken=broken)
            if not worth(made.expected, broken, made.support, options):
                continue
            if broken:
                share = _share(broken, len(checks.context.batches[table.name]))
                made = replace(made, rule=replace(one.rule, share=share))
            best.append(made)
        kept += best
    return kept


def _share(broken: int, rows: int) -> Decimal:
    """Return a share that so many rows keep, rounded down, with the digits that tell it from 1."""
    kept = 1 - Decimal(broken) / Decimal(rows)
    digits = 4
    while digits < 9:
        share = kept.quantize(Decimal(1).scaleb(-digits), ROUND_FLOOR)
        if 1 - share < 3 * (1 - kept):
            break
        digits += 1
    return share.normalize()


def _with(table: nodes.Table, rules: Iterable[nodes.Rule]) -> nodes.Table:
    """Return a table with these rules, in the order in which they can stand on columns."""
    order = {name: at for at, name in enumerate(table.column_names)}
    taken: set[str] = set()
    alone: list[tuple[int, nodes.Rule]] = []
    rest: list[nodes.Rule] = []
    for rule in rules:
        rule = replace(rule, name=_fresh(rule.name, taken))
        about = rule.columns if isinstance(rule, nodes.UniqueRule | nodes.ReferenceRule) else ()
        if rule.share is None and len(about) == 1:
            alone.append((order[about[0]], rule))
        else:
            rest.append(rule)
    on_columns = (rule for _, rule in sorted(alone, key=lambda pair: pair[0]))
    return replace(table, rules=(*on_columns, *rest))


def _fresh(name: str, taken: set[str]) -> str:
    made, number = name, 2
    while made in taken:
        made, number = f"{name}_{number}", number + 1
    taken.add(made)
    return made


def _draft(tables: Mapping[str, nodes.Table], evidence: Mapping[str, Sequence[Found]]) -> Draft:
    """Put everything together."""
    model = Model.of([_with(t, [f.rule for f in evidence[name]]) for name, t in tables.items()])
    by_rule = {}
    for table in model.tables:
        plain = {_nameless(f.rule): f for f in evidence[table.name]}
        for rule in table.rules:
            one = plain.get(_nameless(rule))
            if one is not None:
                by_rule[table.name, rule.name] = one
    return Draft(model, by_rule)


def _nameless(rule: nodes.Rule) -> nodes.Rule:
    return replace(rule, name="")
