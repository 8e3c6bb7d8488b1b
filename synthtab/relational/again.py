"""Decoding again what repair left broken: the groups concerned alone, everything else as it is.

Repair changes few cells and keeps the others. Where a group stays broken, its rows are written once
more, by the network and under the Plan as the first time, in the company they have now: as many
rows, with the same keys, the same children, beside the same other rows. Of a group the new rows are
kept only if they break less.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from synthtab.backends.context import Context
from synthtab.batch import Batch
from synthtab.draw import Method
from synthtab.ir import nodes
from synthtab.ir.references import link
from synthtab.ir.walk import descendants
from synthtab.relational.company import There, company, links_of, numbers_of_children
from synthtab.relational.database import Database, Parents
from synthtab.relational.judging import Broken, breaches, broken_rules
from synthtab.relational.reading import Rows
from synthtab.relational.structure import Structure
from synthtab.relational.task import Task
from synthtab.relational.writing import write
from synthtab.schema import TextType


@dataclass(frozen=True)
class Again:
    """Tables with some groups decoded again; by table how many rows were, and rows drawn for it."""

    batches: Mapping[str, Batch]
    rows: Mapping[str, int] = field(default_factory=dict)
    tries: Mapping[str, int] = field(default_factory=dict)


def decoded_again(
    database: Database,
    batches: Mapping[str, Batch],
    broken: Broken,
    method: Method,
    rng: np.random.Generator,
    *,
    parents: bool,
) -> Again:
    """Write the groups that break rules once more.

    A rule of a row about its children is met by writing the children again or, with ``parents``,
    the row itself. Tables are taken in the order they are written in.
    """
    made, rows, tries = dict(batches), {}, {}
    for name in database.whole.homes:
        asked = _asked(database.whole, made, broken, name, parents)
        # What follows in a strand would have to change with the rows: that is left to repair.
        if len(asked) and database.whole.homes[name].strand is None:
            made, rows[name], tries[name] = _rewritten(database, made, name, asked, method, rng)
            broken = broken_rules(database.tables, made)
    return Again(made, rows, tries)


def _asked(
    whole: Structure, batches: Mapping[str, Batch], broken: Broken, name: str, parents: bool
) -> Rows:
    """Return the rows of a table that are to be written again."""
    home, context = whole.homes[name], Context(tuple(whole.tables.values()), batches)
    asked = np.zeros(len(batches[name]), dtype=bool)
    for table, rules in broken.items():
        for rule in whole.homes[table].table.rules:
            if rule.name not in rules:
                continue
            children = set(_children(whole, table, rule))
            if name in children and not parents and home.lead is not None:
                referred = context.referred(name, home.lead)
                asked |= (referred >= 0) & rules[rule.name][referred]
            elif name == table and (parents or not children):
                asked |= rules[rule.name]
        if name == table:
            for column in home.table.column_names:
                asked |= rules.get(f"column {column}", np.zeros(len(asked), dtype=bool))
    return np.flatnonzero(asked)


def _children(whole: Structure, table: str, rule: nodes.Rule) -> Iterator[str]:
    """Yield the tables whose rows come by a row that the rule counts or adds up rows of."""
    tables = whole.tables
    if isinstance(rule, nodes.RowRule):
        for node in descendants(rule.condition):
            if isinstance(node, nodes.Aggregate) and node.of is not None:
                lead = whole.homes[node.of].lead
                if lead == link(tables[node.of], tables[table], node.via):
                    yield node.of


def _rewritten(
    database: Database,
    batches: Mapping[str, Batch],
    name: str,
    asked: Rows,
    method: Method,
    rng: np.random.Generator,
) -> tuple[dict[str, Batch], int, int]:
    """Return all tables with the groups of some rows written again where that breaks less.

    Also return how many rows were replaced and how many drawn.
    """
    home, batch = database.whole.homes[name], batches[name]
    context = Context(database.tables, batches)
    order, around = company(home, context)
    alone = np.zeros(len(order), dtype=np.int64) if home.chained else np.arange(len(order))
    group = alone if home.lead is None else around.links[home.lead]
    some = np.isin(group, group[np.isin(order, asked)]) & ((home.lead is None) | (group >= 0))
    rows = order[some]
    if not len(rows):
        return dict(batches), 0, 0
    groups, inverse = np.unique(group[some], return_inverse=True)
    others = Parents(database, {}, batches, {})
    task = Task(
        parents=groups if home.lead is not None else np.full(len(groups), -1),
        sizes=np.bincount(inverse, minlength=len(groups)),
        slots={
            rule: np.where(
                others.eligible(home, rule),
                np.bincount(found[found >= 0], minlength=len(batches[rule.parent])),
                -1,
            )
            for rule in home.others
            for found in [around.links[rule][some]]
        },
        counts={
            column: numbers_of_children(context, *of)[rows]
            for column, of in database.models[name].view.counts.items()
        },
        beside=batch.take(np.setdiff1d(np.arange(len(batch)), rows)),
        dealt={
            deal.column: _words(deal.words, home.table, batch, deal.column, rows)
            for deal in database.models[name].deals
        },
    )
    there = There(batches, links_of(database.whole.homes, context))
    written = write(database.models[name], task, there, method, rng)
    kept = _kept(database, name)
    new = {**batches, name: _replaced(batch, rows, written.batch, kept, home.table)}
    before, after = (broken_rules(database.tables, b) for b in (batches, new))
    parent = home.lead.parent if home.lead is not None else None
    gain = np.zeros(len(groups), dtype=np.int64)
    for found, sign in ((before, 1), (after, -1)):
        np.add.at(gain, inverse, sign * breaches(found, name, len(batch))[rows])
        if parent is not None:
            gain += sign * breaches(found, parent, len(batches[parent]))[groups]
    better = (gain > 0)[inverse]
    made = _replaced(batch, rows[better], written.batch.take(better), kept, home.table)
    return {**batches, name: made}, int(better.sum()), written.tries


def _words(
    words: tuple[str, ...], table: nodes.Table, batch: Batch, column: str, rows: Rows
) -> Rows:
    """Return the number of the word that each row has been dealt; -1 for none."""
    codes, _ = batch.column(column)
    if not isinstance(table.column(column).type, TextType):
        return codes[rows]
    number = {word: k for k, word in enumerate(words)}
    return np.array([number.get(text, -1) for text in batch.pool[codes[rows]]], dtype=np.int64)


def _kept(database: Database, name: str) -> frozenset[str]:
    """Return the columns that stay as they are: what is made up or set last, and keys of others."""
    home = database.whole.homes[name]
    late = {c for r in home.late for c in r.columns}
    named = {
        c
        for other in database.whole.homes.values()
        for r in (*other.picked, *other.late)
        if r.parent == name
        for c in r.parent_columns
    }
    return database.made[name].columns | late | named


def _replaced(
    batch: Batch, rows: Rows, other: Batch, kept: frozenset[str], table: nodes.Table
) -> Batch:
    """Return a batch with other cells in some rows, but for the columns that are ``kept``."""
    codes, nulls = batch.codes.copy(), batch.nulls.copy()
    pool = np.concatenate([batch.pool, other.pool])
    for at, name in enumerate(batch.columns):
        if name not in kept:
            new, missing = other.column(name)
            shift = len(batch.pool) if isinstance(table.column(name).type, TextType) else 0
            codes[rows, at] = np.where(missing, 0, new + shift)
            nulls[rows, at] = missing
    return Batch(batch.columns, codes, nulls, pool)
