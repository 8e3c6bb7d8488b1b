"""Learning one table of a model from real rows: what it reads, how it is written, the network."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np

from synthtab.backends.context import Context
from synthtab.backends.tables import Checks
from synthtab.batch import Batch, Codes, Mask
from synthtab.generate.generator import GeneratorConfig, RowGenerator
from synthtab.generate.train import ProgressHook
from synthtab.ir import nodes
from synthtab.ir.walk import columns_of
from synthtab.relational.amounts import seen_ranges
from synthtab.relational.children import children_of
from synthtab.relational.company import There, company, links_of, numbers_of_children
from synthtab.relational.dealing import dealt_feature
from synthtab.relational.features import Feature, Symbols, feature_of
from synthtab.relational.hidden import Exempt
from synthtab.relational.late import Late, late_of
from synthtab.relational.listing import Listing, listing_of
from synthtab.relational.mapping import dependencies
from synthtab.relational.reading import (
    NUMBERS,
    Company,
    Pick,
    Read,
    Relative,
    Rows,
    Steps,
    cells,
    feature_cells,
    features_of,
    means_before,
    pick_names,
    read_name,
    readings,
    relative_of,
)
from synthtab.relational.structure import Deal, Structure, may_lack
from synthtab.relational.tablemodel import TableModel, base_of, compile_view, symbols_of
from synthtab.relational.telling import telling
from synthtab.relational.view import View
from synthtab.schema import (
    BooleanType,
    Column,
    DecimalType,
    EnumType,
    IntegerType,
    TextType,
    domain,
)

MOST_PICKED = 4
"""Features by which a further parent is picked, at most."""


def fit_table(
    view: View,
    whole: Structure,
    context: Context,
    made: frozenset[str],
    *,
    config: GeneratorConfig,
    seed: int,
    budget_s: float,
    progress: ProgressHook | None = None,
) -> TableModel:
    """Learn a table from its real rows; ``made`` are the columns whose values are made up last.

    ``context`` has the real rows of all tables.
    """
    home, name = view.home, view.home.table.name
    real = There(context.batches, links_of(whole.homes, context))
    order, around = company(home, context)
    batch = real.batch(name).take(order)
    numbered = (
        () if home.order is None or home.order.numbered is None else (home.order.numbered[0],)
    )
    skipped = home.placed | made | set(numbered)
    own = [c for c in home.table.columns if c.name not in skipped]
    counts = {n: numbers_of_children(context, *of)[order] for n, of in view.counts.items()}

    ranges, sizes = _ranges(view, own, batch, counts)
    plan = compile_view(view, ranges, set(ranges), budget_s, sizes=sizes)
    written = tuple(c for c in plan.order if c in ranges)
    plain = [c for c in written if c not in counts]
    relatives = _relatives(view, plain, batch, around, real, whole)
    if relatives:
        # A distance may lead anywhere, so what is counted keeps to no range that was seen.
        ranges |= {r.column: domain(home.table.column(r.column)) for r in relatives}
        plan = compile_view(view, ranges, set(ranges), budget_s, order=written)
    relative = {r.column: _distances(r, name, batch, around, real) for r in relatives}
    listed = {one.column: one for one in _listings(view, own, batch, relative, whole)}

    targets = _targets(own, batch, relative)
    targets += [NUMBERS.of(n, np.zeros(len(n), dtype=bool)) for n in counts.values()]
    deals = tuple(_dealt(deal, home.table, batch) for deal in home.deals)
    reads = tuple(Read("dealt", dealt_feature(deal, home.table)) for deal in deals)
    reads += readings(targets, _candidates(view, own, batch, around, real, whole))
    picks = tuple(_pick(rule, view, whole, around, batch, targets, real) for rule in home.others)

    columns: list[Column] = []
    parts: list[tuple[Codes, Mask]] = []
    for k, read in enumerate(reads):
        columns.append(read.feature.column(read_name(k)))
        parts.append(_plain(symbols_of(read, name, batch, around, real)))
    for k, pick in enumerate(picks):
        for column, values in _picked(k, pick, batch, around, real):
            columns.append(column)
            parts.append(_plain(values))
    rng = np.random.default_rng(seed)
    for column_name in written:
        column = view.table.column(column_name)
        if column_name in counts:
            part = _plain(counts[column_name])
            column = Column(column_name, IntegerType(), lo=0, hi=ranges[column_name][1])
        elif column_name in listed:
            part = batch.column(column_name)
            symbols = listed[column_name].symbols(*part, batch.pool, rng)
            part, column = (symbols, part[1]), listed[column_name].written(column)
        elif column_name in relative:
            part = relative[column_name]
            lo, hi = int(part[0].min()), int(part[0].max())
            # Rules may ask for distances that were never seen.
            wide = hi - lo
            column = Column(column_name, IntegerType(), column.optional, lo - wide, hi + wide)
        else:
            part = batch.column(column_name)
        columns.append(column)
        parts.append(part)
    generator = None
    if columns and len(batch):
        codes = np.stack([c for c, _ in parts], axis=1).astype(np.int64)
        nulls = np.stack([n for _, n in parts], axis=1)
        names = tuple(c.name for c in columns)
        changed = {*relative, *listed}
        limits = {
            c.name: ranges[c.name] if c.name in ranges and c.name not in changed else (c.lo, c.hi)
            for c in columns
        }
        generator = RowGenerator.fit(
            columns,
            names,
            limits,  # type: ignore[arg-type]
            Batch(names, codes, nulls, batch.pool),
            config=config,
            seed=seed,
            progress=progress,
        )
    mapped = dependencies(home, batch, made)
    late = {rule: _late(rule, view, whole, context) for rule in home.late if rule.share is None}
    return TableModel(
        view=view,
        written=written,
        reads=reads,
        picks=picks,
        relatives=relatives,
        plan=plan,
        generator=generator,
        rows=len(batch),
        exempt=_exempt(view, context),
        listings=tuple(listed.values()),
        dependencies=mapped,
        late=late,
        children={n: children_of(k, features_of(batch, own), batch) for n, k in counts.items()},
        deals=deals,
    )


def _distances(
    relative: Relative, table: str, batch: Batch, around: Company, real: There
) -> tuple[Codes, Mask]:
    """Return a relative column of real rows as it is written."""
    base = base_of(relative, table, batch, around, around.before, real)
    if relative.own is not None:
        codes, missing = batch.column(relative.own)
        base = np.where(missing, base, codes)
    codes, nulls = batch.column(relative.column)
    return np.where(nulls, 0, codes - base), nulls


def _targets(
    own: list[Column], batch: Batch, relative: Mapping[str, tuple[Codes, Mask]]
) -> list[Symbols]:
    """Return coarse views of what is to be written, relative columns as their distances."""
    found = []
    for column in own:
        kind, cells_ = column, batch.column(column.name)
        if column.name in relative:
            kind = Column(column.name, IntegerType(), column.optional)
            cells_ = relative[column.name]
        feature = feature_of(kind, *cells_, batch.pool)
        if feature is not None:
            found.append(feature.of(*cells_, batch.pool))
    return found


def _dealt(deal: Deal, table: nodes.Table, batch: Batch) -> Deal:
    """Return a deal of the words that rows hold; of an enum all words may come up."""
    if isinstance(table.column(deal.column).type, EnumType):
        return deal
    codes, nulls = batch.column(deal.column)
    held = set(batch.pool[codes[~nulls]])
    return replace(deal, words=tuple(word for word in deal.words if word in held))


def _exempt(view: View, context: Context) -> dict[str, float]:
    """Return the share of real rows that break each soft rule that rows are written under."""
    name = view.home.table.name
    checks = Checks(tuple(context.tables.values()), context.batches)
    soft = {w.rule for w in view.hidden.values() if isinstance(w, Exempt)}
    return {
        rule.name: float(checks.violated(name, rule).mean()) if context.rows(name) else 0.0
        for rule in view.home.table.rules
        if rule.name in soft
    }


def _listings(
    view: View, own: list[Column], batch: Batch, relative: Collection[str], whole: Structure
) -> list[Listing]:
    """Return the columns that are written as places in a list."""
    words = whole.vocabulary(view.home.table.name)
    spoken = {c for r in view.table.row_rules for c in columns_of(r.condition)}
    found = []
    for column in own:
        if column.name in words:
            found.append(Listing(column.name, words=words[column.name]))
            continue
        free = isinstance(column.type, TextType) or column.name not in spoken
        if free and column.name not in relative:
            listing = listing_of(column, *batch.column(column.name), batch.pool)
            found += [] if listing is None else [listing]
    return found


def _late(rule: nodes.ReferenceRule, view: View, whole: Structure, context: Context) -> Late:
    name, parent = view.home.table.name, rule.parent
    batch, parents = context.batches[name], context.batches[parent]
    sides = []
    for table, rows in ((view.home.table, batch), (whole.homes[parent].table, parents)):
        columns = [c for c in table.columns if not _a_key(table, c.name)]
        sides.append(features_of(rows, columns))
    return late_of(rule, batch, parents, context.referred(name, rule), *sides)


def _plain(values: Codes) -> tuple[Codes, Mask]:
    return values, np.zeros(len(values), dtype=bool)


def _relatives(
    view: View, written: list[str], batch: Batch, around: Company, real: There, whole: Structure
) -> tuple[Relative, ...]:
    """Return the columns that are written as distances; ``written`` is in the order of writing."""
    home = view.home
    parents: list[tuple[Steps, Column, tuple[Codes, Mask]]] = []
    for rule in home.picked:
        if rule.share is None:
            there = real.batch(rule.parent)
            for column in whole.homes[rule.parent].table.columns:
                if not isinstance(column.type, TextType | EnumType | BooleanType):
                    values = cells(there, column.name, around.links[rule])
                    parents.append(((rule,), column, values))
    found = []
    for at, name in enumerate(written):
        column = home.table.column(name)
        ordered = home.order is not None and (name in home.order.columns or _rises(view, name))
        rising = ordered and not isinstance(column.type, TextType | EnumType)
        earlier = [(home.table.column(c), batch.column(c)) for c in written[:at]]
        first = around.before < 0 if rising else None
        made = relative_of(column, batch.column(name), first, parents, earlier)
        if made is not None:
            found.append(made)
    return tuple(found)


def _rises(view: View, column: str) -> bool:
    """Say whether a rule has a column rise from sibling to sibling."""
    return any(
        isinstance(r, nodes.RowRule)
        and isinstance(r.condition, nodes.Increasing)
        and r.condition.operand == nodes.ColumnRef(column)
        for r in view.home.table.rules
    )


def _candidates(
    view: View,
    own: list[Column],
    batch: Batch,
    around: Company,
    real: There,
    whole: Structure,
) -> list[tuple[Read, Symbols, Rows | None]]:
    """Return all that might be read, with its symbols in the real rows and whose they are."""
    home, name = view.home, view.home.table.name
    reads: list[tuple[Read, Rows | None]] = []
    steps: Steps = ()
    at = home
    while at.lead is not None and len(steps) < 3:
        steps = (*steps, at.lead)
        at = whole.homes[at.lead.parent]
        rows = real.links.follow(name, around.links, steps)
        columns = [c for c in at.table.columns if not _a_key(at.table, c.name)]
        some = rows[rows >= 0]
        features = features_of(real.batch(at.table.name), columns, some)
        reads += [(Read("parent", f, steps), rows) for f in features]
    if home.lead is not None:
        reads.append((Read("size", NUMBERS), around.links[home.lead]))
        if home.order is not None:
            reads += [(Read("place", NUMBERS), None), (Read("left", NUMBERS), None)]
            reads += [(Read("before", f), None) for f in features_of(batch, own)]
            reads += [(Read("mean", f), None) for f in _mean_features(own, batch, around)]
    return [(read, symbols_of(read, name, batch, around, real), of) for read, of in reads]


def _mean_features(own: list[Column], batch: Batch, around: Company) -> list[Feature]:
    """Return the coarse views of what numbers come to, on average, in the siblings before."""
    found = []
    for column in own:
        if isinstance(column.type, IntegerType | DecimalType):
            means = means_before(batch, column.name, around)
            found.append(feature_of(column, *means, batch.pool))
    return [f for f in found if f is not None]


def _a_key(table: nodes.Table, column: str) -> bool:
    """Say whether a column names rows, of this table or of another, rather than tell of them."""
    return any(
        column in rule.columns
        for rule in table.rules
        if isinstance(rule, nodes.ReferenceRule)
        or (isinstance(rule, nodes.UniqueRule) and len(rule.columns) == 1)
    )


def _pick(
    rule: nodes.ReferenceRule,
    view: View,
    whole: Structure,
    around: Company,
    batch: Batch,
    targets: list[Symbols],
    real: There,
) -> Pick:
    table = whole.homes[rule.parent].table
    rows = around.links[rule]
    flag = may_lack(view.home.table, rule)
    some = np.flatnonzero(rows >= 0)
    columns = [c for c in table.columns if not _a_key(table, c.name)]
    features = features_of(real.batch(rule.parent), columns)
    symbols = [feature_cells(f, real.batch(rule.parent), rows[some]) for f in features]
    sources = [rows[some]] * len(symbols)
    chosen = telling(symbols, [t[some] for t in targets], MOST_PICKED, sources)
    return Pick(rule, flag, tuple(features[k] for k in chosen))


def _picked(
    number: int, pick: Pick, batch: Batch, around: Company, real: There
) -> list[tuple[Column, Symbols]]:
    """Return a pick's columns, with their symbols in the real rows."""
    rows = around.links[pick.reference]
    names = pick_names(number, pick)
    out: list[tuple[Column, Symbols]] = []
    if pick.flag:
        missing = np.zeros(len(rows), dtype=bool)
        for column in pick.reference.columns:
            missing |= batch.column(column)[1]
        flags = np.where(missing, 0, np.where(rows >= 0, 1, 2))
        out.append((Column(names[0], IntegerType(), lo=0, hi=2), flags.astype(np.int64)))
    there = real.batch(pick.reference.parent)
    for name, feature in zip(names[int(pick.flag) :], pick.features, strict=True):
        out.append((feature.column(name), feature_cells(feature, there, rows)))
    return out


def _ranges(
    view: View, own: list[Column], batch: Batch, counts: Mapping[str, Rows]
) -> tuple[dict[str, tuple[int, int]], dict[str, int]]:
    """Return the range and the number of values seen of each column that is written."""
    seen = seen_ranges(view.home.table, batch)
    ranges, sizes = {}, {}
    for column in own:
        codes, nulls = batch.column(column.name)
        sizes[column.name] = len(np.unique(codes[~nulls])) + bool(nulls.any())
        ranges[column.name] = seen.get(column.name, domain(column))
    for name, numbers in counts.items():
        ranges[name] = (0, int(numbers.max(initial=0)))
        sizes[name] = len(np.unique(numbers))
    return ranges, sizes
