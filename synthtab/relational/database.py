"""A whole model, learned and written: all tables in their order, then what only all can settle."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from synthtab.backends.context import Context
from synthtab.backends.vector import VectorBackend
from synthtab.batch import Batch, Mask
from synthtab.draw import Method
from synthtab.errors import InfeasibleError, UsageError
from synthtab.generate.generator import GeneratorConfig
from synthtab.generate.train import Progress
from synthtab.ir import nodes
from synthtab.relational.amounts import amounts_of
from synthtab.relational.company import Links, There
from synthtab.relational.fitting import fit_table
from synthtab.relational.numbering import Made, made_up, numbered
from synthtab.relational.picking import spread
from synthtab.relational.reading import Rows
from synthtab.relational.recounting import lowered, most_rows
from synthtab.relational.structure import Home, Structure, may_lack, structure
from synthtab.relational.tablemodel import TableModel
from synthtab.relational.task import Task, Written
from synthtab.relational.view import count_column
from synthtab.relational.views import views
from synthtab.relational.writing import write
from synthtab.schema import IntegerType, domain

ROUNDS = 20
"""How often numbers of children are changed to reach a total."""

FitProgress = Callable[[str, int, int, Progress], None]
"""Is told the table, its number, how many there are, and how far its training is."""
SampleProgress = Callable[[str, int, int], None]
"""Is told what is being done, how much of it is done, of how much."""


@dataclass(frozen=True)
class Database:
    """A fitted model: one :class:`TableModel` per table, in the order they are written."""

    whole: Structure
    models: Mapping[str, TableModel]
    made: Mapping[str, Made]

    @property
    def tables(self) -> tuple[nodes.Table, ...]:
        """The tables as declared, in the order they are written."""
        return tuple(home.table for home in self.whole.homes.values())


def fit_database(
    tables: Sequence[nodes.Table],
    batches: Mapping[str, Batch],
    *,
    config: GeneratorConfig,
    seed: int = 0,
    budget_s: float = 10.0,
    progress: FitProgress | None = None,
) -> Database:
    """Learn all tables of a model from their real rows, which keep all hard rules."""
    whole = structure(tables)
    context = Context(tables, batches)
    made = {name: made_up(home, batches[name]) for name, home in whole.homes.items()}
    seen = views(
        whole,
        {name: m.columns for name, m in made.items()},
        amounts_of(whole, batches),
    )
    models = {}
    for number, (name, view) in enumerate(seen.items()):
        models[name] = fit_table(
            view,
            whole,
            context,
            made[name].columns,
            config=config,
            seed=seed + number,
            budget_s=budget_s,
            progress=None if progress is None else _named(progress, name, number, len(seen)),
        )
    return Database(whole, models, made)


def _named(
    progress: FitProgress, name: str, number: int, tables: int
) -> Callable[[Progress], None]:
    return lambda at: progress(name, number, tables, at)


@dataclass(frozen=True)
class Drawn:
    """All tables' rows as they were written, before anything is mended, and what became of them."""

    batches: Mapping[str, Batch]
    written: Mapping[str, Written]


def write_database(
    database: Database,
    sizes: Mapping[str, int],
    method: Method,
    rng: np.random.Generator,
    progress: SampleProgress | None = None,
) -> Drawn:
    """Write all tables.

    ``sizes`` has the numbers of rows asked for, of tables without a lead at least; elsewhere they
    follow from the parents.
    """
    batches: dict[str, Batch] = {}
    written: dict[str, Written] = {}
    links: dict[tuple[str, nodes.ReferenceRule], Rows] = {}
    orders: dict[str, Rows] = {}
    for name, home in database.whole.homes.items():
        parents = Parents(database, written, batches, orders)
        made = write(
            database.models[name],
            parents.task(home, sizes.get(name), rng),
            There(batches, Links(links)),
            method,
            rng,
            None if progress is None else _step(progress, f"writing {name}"),
        )
        orders[name], batches[name] = numbered(
            home, database.made[name], made.batch, rng, _wanted_keys(database, name, made)
        )
        written[name] = made
        links |= {(name, rule): rows[orders[name]] for rule, rows in made.links.items()}
    return Drawn(_late(database, batches, rng), written)


def _step(progress: SampleProgress, what: str) -> Callable[[int, int], None]:
    return lambda done, total: progress(what, done, total)


def _late(
    database: Database, batches: Mapping[str, Batch], rng: np.random.Generator
) -> dict[str, Batch]:
    """Set the references that had to wait until all rows are there."""
    made = dict(batches)
    for name, home in database.whole.homes.items():
        for rule in home.late:
            if rule.share is None:
                late = database.models[name].late[rule]
                tables = database.tables
                made[name] = late.applied(tables, made, home.table, rng)
    return made


@dataclass(frozen=True)
class Parents:
    """Tables that are written, and how many children their rows are to have.

    ``orders`` says in which order the rows of each were put when they were numbered.
    """

    database: Database
    written: Mapping[str, Written]
    batches: Mapping[str, Batch]
    orders: Mapping[str, Rows]

    def task(self, home: Home, asked: int | None, rng: np.random.Generator) -> Task:
        """Return what is to be written of a table: for which parents, and how many each.

        Raises InfeasibleError where ``asked`` rows are more, or fewer, than parents can have.
        """
        name = home.table.name
        if home.lead is None:
            number = asked or 0
            each = np.ones(number, dtype=np.int64)
            if home.chained and number:
                each = np.array([number])
            parents = np.full(len(each), -1)
        else:
            each = self._children(home, home.lead, asked, rng)
            if asked is not None and int(each.sum()) != asked:
                raise InfeasibleError(
                    f"table `{name}` cannot have {asked:,} rows: the {len(each):,} rows of "
                    f"`{home.lead.parent}` it comes by can have {int(each.sum()):,}; ask for other "
                    f"numbers of both"
                )
            each = self._bounded(home, home.lead, each, asked, rng)
            parents = np.arange(len(each))
        total = int(each.sum())
        slots = {
            rule: np.where(self.eligible(home, rule), self._children(home, rule, total, rng), -1)
            for rule in home.others
        }
        allows = None
        if home.lead is not None and asked is None:
            allows = self._sizes_allowed(name, home.lead)
        return Task(parents, each, slots, allows, self._limits(name))

    def _limits(self, name: str) -> dict[str, int]:
        """Return how many children rows of a table may have in all, where keys limit it."""
        database, found = self.database, {}
        for home, rule in database.whole.children(name):
            if home.lead == rule:
                most, _ = most_rows(home, database.made[home.table.name], {})
                if most is not None:
                    found[count_column(home.table.name, rule)] = most
        return found

    def _bounded(
        self,
        home: Home,
        lead: nodes.ReferenceRule,
        each: Rows,
        asked: int | None,
        rng: np.random.Generator,
    ) -> Rows:
        """Return numbers of children that the table's keys can tell apart, in all and per parent.

        Raises InfeasibleError, naming the key, where no lawful numbers are as low.
        """
        name = home.table.name
        there = {r: len(self.batches[r.parent]) for r in home.picked}
        total, rule = most_rows(home, self.database.made[name], there)
        together = [u for u in home.distinct if set(lead.columns) <= set(u.columns)]
        apart, key = None, ""
        if together:
            apart, key = most_rows(home, Made(()), there | {lead: 1}, together)
        highest = max(int(each.max(initial=0)), 0)
        most = np.full(len(each), highest if apart is None else min(highest, apart))
        allows = self._sizes_allowed(name, lead)
        made = lowered(each, most, total, allows, rng)
        if int(made.sum()) < int(each.sum()):
            # Who has room may have what others have to do without.
            wanted = int(each.sum()) if total is None else min(total, int(each.sum()))
            more = spread(made, wanted, np.where(made > 0, most, 0), rng)
            made = np.where(allows(more), more, made)
        if asked is not None and int(made.sum()) != asked:
            raise InfeasibleError(
                f"table `{name}` cannot have {asked:,} rows: {name}.{key or rule} tells only "
                f"{int(made.sum()):,} apart; ask for fewer"
            )
        if total is not None and int(made.sum()) > total:
            raise InfeasibleError(
                f"table `{name}` would have {int(made.sum()):,} rows, and {name}.{rule} has only "
                f"{total:,} different values; the rules of `{lead.parent}` allow no fewer rows, so "
                f"ask for fewer rows of `{lead.parent}`"
            )
        if (over := np.flatnonzero(made > most)).size:
            raise InfeasibleError(
                f"rows of `{lead.parent}` would have up to {int(made.max()):,} rows of `{name}`, "
                f"and {name}.{key} tells only {int(most[0]):,} apart (rows "
                f"{', '.join(str(r + 1) for r in over[:5])})"
            )
        return made

    def _sizes_allowed(self, name: str, lead: nodes.ReferenceRule) -> Callable[[Rows], Mask]:
        """Return what says for which parents another number of children breaks no rule."""
        parent, order = self.written[lead.parent], self.orders[lead.parent]

        def allows(sizes: Rows) -> Mask:
            unordered = np.empty_like(sizes)
            unordered[order] = sizes
            return parent.allows(count_column(name, lead), unordered)[order]

        return allows

    def eligible(self, home: Home, rule: nodes.ReferenceRule) -> Mask:
        """Say which rows of a parent may be referred to at all.

        The child's column may hold less than the parent's key does, and rules of the child may
        speak of the parent alone.
        """
        batch = self.batches[rule.parent]
        allowed = np.ones(len(batch), dtype=bool)
        for key in home.keys:
            if key.steps == (rule,):
                column = home.table.column(key.column)
                (codes, nulls), pool = key.cells(*batch.column(key.source), batch.pool)
                own = Batch((key.column,), codes[:, None], nulls[:, None], pool)
                alone = VectorBackend(nodes.Table(home.table.name, (column,)))
                allowed &= ~nulls & ~alone.out_of_domain(own)[:, 0]
        fits = [f for f in self.database.models[home.table.name].view.fits if f.reference == rule]
        if fits:
            tables = [t for t in self.database.tables if t.name in self.batches]
            context = Context(tables, self.batches)
            for fit in fits:
                allowed &= ~context.truth(rule.parent, fit.condition)[1]
        return allowed

    def _children(
        self, home: Home, rule: nodes.ReferenceRule, total: int | None, rng: np.random.Generator
    ) -> Rows:
        """Return how many rows of a table each row of a parent is to have, ``total`` in all.

        Without a total they are brought to what the real ratio of the two tables suggests: sums of
        few numbers drawn one by one vary a good deal. Raises InfeasibleError where no row of the
        parent may have any.
        """
        name = home.table.name
        column = count_column(name, rule)
        parent, order = self.written[rule.parent], self.orders[rule.parent]
        model = self.database.models[rule.parent]
        eligible = np.empty(len(order), dtype=bool)
        eligible[order] = self.eligible(home, rule)
        drawn = np.where(eligible, parent.counts[column], 0)
        if column in model.children and model.view.alone(column):
            batch = self.batches[rule.parent].take(np.argsort(order))
            like = model.children[column].like(drawn, batch, eligible, rng)
            drawn = np.where(parent.allows(column, like), like, drawn)
        rows = self.database.models[name].rows
        wanted = total
        if wanted is None and not rows:
            return drawn[order]
        if wanted is None:
            wanted = round(rows * len(drawn) / max(1, model.rows))
        needed = home.lead == rule or not may_lack(home.table, rule)
        if wanted and len(drawn) and needed and not eligible.any():
            raise InfeasibleError(
                f"no row of table `{rule.parent}` was written that rows of `{name}` may refer to: "
                f"the range of {_listed(rule.columns)}, or {_because(self.database, name, rule)}"
            )
        # More children than any row was ever seen to have are for those who ask for them.
        most = np.full(len(drawn), model.plan.domains[column][1] if total is None else total)
        most = np.where(eligible, most, 0)
        now = drawn
        for _ in range(ROUNDS):
            # A row that may not have one child more is left alone.
            room = np.where(parent.allows(column, now + 1), most, now)
            changed = spread(now, wanted, np.minimum(room, most), rng)
            lawful = parent.allows(column, changed)
            now = np.where(lawful, changed, now)
            if int(now.sum()) == wanted:
                break
        return now[order]


def _because(database: Database, name: str, rule: nodes.ReferenceRule) -> str:
    fits = [f.rule for f in database.models[name].view.fits if f.reference == rule]
    return f"rule {', '.join(fits)}, excludes all of them" if fits else "the rules exclude them all"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _wanted_keys(
    database: Database, name: str, made: Written
) -> dict[str, tuple[Mask, tuple[int, int]]]:
    """Return which rows are to have children that can refer to some numbers only, by key column."""
    wanted = {}
    for home, rule in database.whole.children(name):
        if len(rule.columns) == 1:
            column = home.table.column(rule.columns[0])
            own = database.whole.homes[name].table.column(rule.parent_columns[0])
            if isinstance(column.type, IntegerType) and domain(column) != domain(own):
                some = made.counts[count_column(home.table.name, rule)] > 0
                wanted[own.name] = some, domain(column)
    return wanted


def rows_asked(database: Database, scale: float | Mapping[str, int]) -> dict[str, int]:
    """Return the numbers of rows to write: a multiple of the real ones, or as asked by table.

    A table that is not named has as many rows as there were, or, where it has a lead, as many as
    its parents come to have. Raises UsageError for an unknown table, a scale or a number below 0.
    """
    models = database.models
    asked: Mapping[str, int] = {}
    factor = 1.0
    if isinstance(scale, Mapping):
        unknown = [name for name in scale if name not in models]
        if unknown:
            raise UsageError(
                f"there is no table `{unknown[0]}`; the tables are "
                + ", ".join(f"`{n}`" for n in models)
            )
        bad = {n: rows for n, rows in scale.items() if rows < 0}
        if bad:
            name, rows = next(iter(bad.items()))
            raise UsageError(f"table `{name}` cannot have {rows} rows; ask for 0 or more")
        asked = scale
    else:
        if not scale > 0:
            raise UsageError(f"the scale {scale} is not above 0; 1.0 gives as many rows as learned")
        factor = float(scale)
    sizes = {
        name: max(1, round(model.rows * factor)) if model.rows else 0
        for name, model in models.items()
        if model.view.home.lead is None
    }
    return sizes | dict(asked)
