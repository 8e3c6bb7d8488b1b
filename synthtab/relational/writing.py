"""Writing a table's rows: sibling after sibling for all parents at once, under the Plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from synthtab.backends.vector import VectorBackend
from synthtab.batch import Batch, Codes, Mask
from synthtab.draw import Method
from synthtab.generate.generator import RowGenerator
from synthtab.generate.guide import Given
from synthtab.generate.uniform import NULLS, TO_COME, UniformGenerator
from synthtab.ir import nodes
from synthtab.ir.walk import columns_of
from synthtab.relational.among import apart, sibling_rules, torn
from synthtab.relational.company import There
from synthtab.relational.guiding import WrittenGuide, base_name
from synthtab.relational.hidden import Before, Exempt, Parent, Place, Rest, Size, SoFar, ToCome
from synthtab.relational.mapping import Memory
from synthtab.relational.outlook import hopeless, telling
from synthtab.relational.page import Cells, Page, copied, pooled, symbols_batch
from synthtab.relational.patience import ANEW, LEAST, REPICKS, TRIES, patience
from synthtab.relational.picking import others, pick, repeated
from synthtab.relational.reading import Company, Rows, cells, feature_cells, pick_names, read_name
from synthtab.relational.standing import Standing
from synthtab.relational.tablemodel import TableModel, base_of, symbols_of
from synthtab.relational.task import Task, Written
from synthtab.schema import TextType

Progress = Callable[[int, int], None]


def write(
    model: TableModel,
    task: Task,
    there: There,
    method: Method,
    rng: np.random.Generator,
    progress: Progress | None = None,
) -> Written:
    """Write a table's rows; ``there`` has the tables they refer to."""
    writer = _Writer(model, task, there, method, rng)
    done, total = 0, int(task.sizes.sum())
    for rows in writer.stages():
        writer.write(rows)
        done += len(rows)
        if progress is not None:
            progress(done, total)
    return writer.result()


class _Writer:
    """The rows of one table while they are written."""

    def __init__(
        self,
        model: TableModel,
        task: Task,
        there: There,
        method: Method,
        rng: np.random.Generator,
    ) -> None:
        self._model, self._view, self._home = model, model.view, model.view.home
        self._task, self._there, self._method, self._rng = task, there, method, rng
        self._table = self._home.table
        rows = int(task.sizes.sum())
        starts = np.cumsum(task.sizes) - task.sizes
        self._group = np.repeat(np.arange(len(task.sizes)), task.sizes)
        self._place = np.arange(rows) - starts[self._group] + 1
        self._page = Page(self._table, rows)
        self._links = {r: np.full(rows, -1, dtype=np.int64) for r in self._home.picked}
        if self._home.lead is not None:
            self._links[self._home.lead] = task.parents[self._group]
        self._counts = {name: np.zeros(rows, dtype=np.int64) for name in self._view.counts}
        self._slots = {rule: slots.copy() for rule, slots in task.slots.items()}
        self._guide = WrittenGuide(model.plan, model.relative, model.listed)
        rests, whole = set(self._view.rests), self._view.table
        checked = [r for r in whole.row_rules if not rests & set(columns_of(r.condition))]
        self._backend = VectorBackend(replace(whole, rules=tuple(checked)))
        self._standing = Standing(self._view, len(task.sizes))
        self._apart = apart(self._home)
        settled = {*self._view.known, *self._home.settled}
        fixed = tuple(r for r in checked if set(columns_of(r.condition)) <= settled)
        about = VectorBackend(replace(whole, rules=fixed))
        self._contextual = about if fixed and model.picks else None
        self._telling = telling(model) if method.level == "solver" and model.picks else ()
        # Drawn once: a row that need not keep a rule need not keep it later either.
        self._exempt = {
            name: rng.random(rows) < model.exempt[what.rule]
            for name, what in self._view.hidden.items()
            if isinstance(what, Exempt)
        }
        staged = self._view.staged and method.broken != "keep"
        self._among = sibling_rules(model) if staged else ()
        self._memories = [Memory(d) for d in model.dependencies]
        self._tries = 0
        self._lost = np.zeros(rows, dtype=bool)

    def stages(self) -> list[Rows]:
        """Return the rows to be written together: all at once, or all first siblings, and so on."""
        if not self._view.staged or not len(self._group):
            return [np.arange(len(self._group))] if len(self._group) else []
        ends = np.cumsum(np.bincount(self._place)[1:])
        return np.split(np.argsort(self._place, kind="stable"), ends[:-1])

    def write(self, rows: Rows) -> None:
        """Write some rows, no two of them siblings where siblings come in an order."""
        known = self._try(rows)
        for _ in range(ANEW if self._model.picks and self._method.broken != "keep" else 0):
            lost = rows[self._lost[rows]]
            if not len(lost):
                break
            # Those that parents left no way on get others.
            for reference, slots in self._slots.items():
                left = self._links[reference][lost]
                left = left[left >= 0]
                np.add.at(slots, left[slots[left] >= 0], 1)
            self._try(lost)
            known = self._known(rows)
        self._standing.remember(self._whole(rows, known), self._group[rows])

    def _try(self, rows: Rows) -> dict[str, Cells]:
        """Write rows, with further parents picked for them; return what was known beforehand."""
        reads = self._read(rows)
        self._pick(rows, reads)
        self._placed(rows)
        known = self._known(rows)
        if self._model.generator is not None and self._model.written:
            self._draw(rows, reads, known)
        return known

    def result(self) -> Written:
        """Return all rows, but those that no attempt made lawful and that groups can do without."""
        kept = np.flatnonzero(~self._dispensable())

        def allows(column: str, numbers: Rows) -> Mask:
            whole = self._counts[column].copy()
            whole[kept] = numbers
            return self._allows(column, whole)[kept]

        return Written(
            self._page.batch.take(kept),
            {rule: found[kept] for rule, found in self._links.items()},
            {name: numbers[kept] for name, numbers in self._counts.items()},
            self._tries,
            int(self._lost[kept].sum()),
            allows,
        )

    def _dispensable(self) -> Mask:
        """Say which rows groups can do without: from the first one on that is not lawful."""
        none = np.zeros(len(self._group), dtype=bool)
        bound = any(isinstance(w, Size | ToCome) for w in self._view.hidden.values())
        if self._task.allows is None or bound or not self._lost.any():
            return none
        last = np.full(len(self._task.sizes), np.iinfo(np.int64).max)
        np.minimum.at(last, self._group[self._lost], self._place[self._lost])
        gone = self._place >= last[self._group] if self._view.staged else self._lost
        sizes = self._task.sizes - np.bincount(self._group[gone], minlength=len(self._task.sizes))
        return np.asarray(gone & self._task.allows(sizes)[self._group])

    def _allows(self, column: str, numbers: Rows) -> Mask:
        """Say which rows would keep the rules about a number of children if it were another one."""
        about = [r for r in self._view.table.row_rules if column in columns_of(r.condition)]
        if not about:
            return np.ones(len(numbers), dtype=bool)
        spoken = {name for rule in about for name in columns_of(rule.condition)}
        if any(isinstance(self._view.hidden.get(n), Rest | Before | SoFar) for n in spoken):
            # What children can come to, or what siblings held, is not kept: the number stays.
            return np.asarray(numbers == self._counts[column])
        rows = np.arange(len(self._group))
        whole = self._whole(rows, self._known(rows))
        codes = whole.codes.copy()
        codes[:, whole.index(column)] = numbers
        other = Batch(whole.columns, codes, whole.nulls, whole.pool)
        backend = VectorBackend(replace(self._view.table, rules=tuple(about)))
        return np.asarray(~backend.violated(other).any(axis=1))

    def _company(self, rows: Rows) -> Company:
        links = {rule: found[rows] for rule, found in self._links.items()}
        before = np.where(self._place[rows] > 1, rows - 1, -1)
        return Company(links, before, self._place[rows], self._task.sizes[self._group[rows]])

    # What is known beforehand.

    def _read(self, rows: Rows) -> dict[str, Codes]:
        around, batch = self._company(rows), self._page.batch
        return {
            read_name(k): symbols_of(read, self._table.name, batch, around, self._there)
            for k, read in enumerate(self._model.reads)
        }

    def _pick(self, rows: Rows, reads: dict[str, Codes]) -> None:
        """Pick further parents for rows; what they look like is added to what is read."""
        picks = self._model.picks
        if not picks:
            return
        drawn = self._looks(rows, reads)
        have = {
            one.reference: [feature_cells(f, parent, np.arange(len(parent))) for f in one.features]
            for one in picks
            for parent in [pooled(self._there.batch(one.reference.parent))]
        }
        flags: dict[nodes.ReferenceRule, Codes] = {}
        for k, one in enumerate(picks):
            names = pick_names(k, one)
            want = [drawn[n] for n in names[int(one.flag) :]]
            slots = self._slots[one.reference]
            picked = pick(len(rows), want, have[one.reference], slots, self._rng)
            flags[one.reference] = drawn[names[0]] if one.flag else np.ones(len(rows), np.int64)
            self._links[one.reference][rows] = np.where(flags[one.reference] == 1, picked, -1)
        self._fitting(rows)
        for k, one in enumerate(picks):
            picked = self._links[one.reference][rows]
            slots = self._slots[one.reference]
            np.subtract.at(slots, picked[picked >= 0], 1)
            slots[(slots < 0) & (self._task.slots[one.reference] >= 0)] = 0
            names, flag = pick_names(k, one), flags[one.reference]
            if one.flag:
                reads[names[0]] = np.where(flag == 1, (picked >= 0).astype(np.int64), flag)
            parent = pooled(self._there.batch(one.reference.parent))
            for name, feature in zip(names[int(one.flag) :], one.features, strict=True):
                reads[name] = feature_cells(feature, parent, picked)

    def _looks(self, rows: Rows, reads: dict[str, Codes]) -> dict[str, Codes]:
        """Have the network say what further parents are to look like."""
        wanted = [n for k, one in enumerate(self._model.picks) for n in pick_names(k, one)]
        generator = self._model.generator
        if not isinstance(generator, RowGenerator):
            flags = [pick_names(k, one)[0] for k, one in enumerate(self._model.picks) if one.flag]
            return {f: (self._rng.random(len(rows)) >= NULLS).astype(np.int64) for f in flags}
        if not wanted:
            return {}
        found = generator.draw(
            len(rows),
            level="grammar",
            seed=self._seed(),
            given=Given(symbols_batch(reads, len(rows))),
            columns=len(reads) + len(wanted),
        )
        return {name: found.batch.column(name)[0] for name in wanted}

    def _fitting(self, rows: Rows) -> None:
        """Pick others for rows that repeat a sibling's, or that no rule lets go together."""
        if self._method.broken == "keep" and not self._apart:
            return
        once = [set(rule.columns) for rule in self._home.distinct]
        for attempt in range(REPICKS):
            wrong = self._repeated(rows)
            if self._method.broken != "keep" and (self._contextual or self._telling):
                self._placed(rows)
                known = self._known(rows)
                if self._contextual is not None:
                    whole = self._whole(rows, known)
                    wrong |= self._contextual.violated(whole).any(axis=1)
                pool = self._page.pool.array
                wrong |= hopeless(self._telling, self._model.plan, known, pool, len(rows))
            if not wrong.any():
                return
            for one in self._model.picks:
                links = self._links[one.reference]
                some = links[rows] >= 0
                slots = self._slots[one.reference]
                if attempt > REPICKS // 3 and set(one.reference.columns) not in once:
                    # Rather more children than planned than two rows of which one must not be.
                    slots = np.where(slots < 0, -1, len(rows))
                again, taken = rows[wrong & some], links[rows[~wrong & some]]
                links[again] = others(slots, taken, len(again), self._rng)

    def _repeated(self, rows: Rows) -> Mask:
        """Say which rows refer to the same rows as an earlier sibling, where they must not."""
        wrong = np.zeros(len(rows), dtype=bool)
        for lead, references in self._apart:
            links = [self._links[r] for r in (lead, *references)]
            wrong |= repeated(rows, self._place, links, self._view.staged)
        return wrong

    def _placed(self, rows: Rows) -> None:
        """Set the columns that are copied from other rows, and those that number siblings."""
        links = {rule: found[rows] for rule, found in self._links.items()}
        keys = [key for key in self._home.keys if key.steps[0].share is None]
        for copy in (*keys, *self._home.copies):
            at = self._there.links.follow(self._table.name, links, copy.steps)
            source = pooled(self._there.batch(copy.steps[-1].parent))
            self._page.set(
                rows, copy.column, *copy.cells(*cells(source, copy.source, at), source.pool)
            )
        order = self._home.order
        if order is not None and order.numbered is not None:
            column, start = order.numbered
            numbers = self._place[rows] + start - 1
            self._page.set(
                rows, column, (numbers, np.zeros(len(rows), dtype=bool)), self._page.pool.array
            )

    def _known(self, rows: Rows) -> dict[str, Cells]:
        """Return the hidden columns of rows, and what relative ones are counted from."""
        around, batch = self._company(rows), self._page.batch
        known: dict[str, Cells] = {}
        present = np.zeros(len(rows), dtype=bool)
        known[TO_COME] = around.size - around.place, present
        for name, what in self._view.hidden.items():
            match what:
                case Parent(steps, column):
                    at = self._there.links.follow(self._table.name, around.links, steps)
                    source = pooled(self._there.batch(steps[-1].parent))
                    codes, nulls = cells(source, column, at)
                    if isinstance(self._view.table.column(name).type, TextType):
                        taken = self._page.pool.codes(source.pool[codes])
                        codes = np.where(nulls, 0, taken)
                    known[name] = codes, nulls
                case Exempt():
                    known[name] = self._exempt[name][rows].astype(np.int64), present
                case Place():
                    known[name] = around.place, present
                case Size():
                    known[name] = around.size, present
                case ToCome():
                    known[name] = around.size - around.place, present
                case Before() | SoFar():
                    known[name] = self._standing.of(name, self._group[rows])
        for name in self._home.settled:
            known[name] = copied(batch, name, rows)
        for relative in self._model.relatives:
            base = base_of(relative, self._table.name, batch, around, around.before, self._there)
            known[base_name(relative.column)] = base, present
        return known

    # Drawing.

    def _draw(self, rows: Rows, reads: dict[str, Codes], known: dict[str, Cells]) -> None:
        words = {c.name for c in self._view.table.columns if isinstance(c.type, TextType)}
        texts = tuple(name for name in known if name in words)
        given = Given(symbols_batch(reads, len(rows)), known, texts, self._page.pool.array)
        waiting = np.arange(len(rows))
        keep = self._method.broken == "keep"
        dead = np.zeros(len(rows), dtype=np.int64)
        patient = patience(self._model)
        for attempt in range(patient.tries):
            fine, at_a_loss = self._attempt(rows, waiting, given.take(waiting), known, attempt)
            dead[waiting] += at_a_loss
            self._lost[rows[waiting]] = ~fine
            waiting = waiting[~fine & (dead[waiting] < patient.dead)]
            if not len(waiting) or keep:
                break

    def _attempt(
        self, rows: Rows, waiting: Rows, given: Given, known: dict[str, Cells], attempt: int
    ) -> tuple[Mask, Mask]:
        """Write the rows that wait; return which of them are fine, and which had no way on."""
        generator = self._model.generator
        assert generator is not None
        self._tries += len(waiting)
        guide = self._guide if self._method.level == "solver" else None
        how: dict[str, Any] = {"level": self._method.level, "guide": guide, "given": given}
        if isinstance(generator, UniformGenerator) and attempt >= TRIES:
            how["least"] = LEAST
        drawn = generator.draw(len(waiting), seed=self._seed(), **how)
        mine = rows[waiting]
        values = {n: (c[waiting], m[waiting]) for n, (c, m) in known.items()}
        for name in self._model.written:
            codes, nulls = drawn.batch.column(name)
            if name in self._counts:
                self._counts[name][mine] = codes
                continue
            if name in self._model.relative:
                codes = np.where(nulls, 0, codes + self._guide.base(name, values))
            values[name] = codes, nulls
            strings_ = drawn.batch.pool
            if name in self._model.listed:
                listing = self._model.listed[name]
                codes, strings_ = listing.values(codes), listing.strings
            self._page.set(mine, name, (codes, nulls), strings_)
        if self._method.broken == "keep":
            return ~drawn.malformed, drawn.dead
        self._map(mine)
        fine = ~drawn.malformed & ~(drawn.copied & (attempt < TRIES // 2))
        whole = self._whole(mine, {n: (c[waiting], m[waiting]) for n, (c, m) in known.items()})
        broken = self._backend.violated(whole).any(axis=1) | self._torn(mine)
        return fine & ~broken, drawn.dead

    def _torn(self, rows: Rows) -> Mask:
        """Say which rows break a rule together with the siblings written before."""
        if not self._among:
            return np.zeros(len(rows), dtype=bool)
        last = np.zeros(len(self._task.sizes), dtype=np.int64)
        last[self._group[rows]] = self._place[rows]
        so_far = np.flatnonzero(self._place <= last[self._group])
        group = self._group[so_far]
        torn_ = torn(self._table, self._among, self._page.batch.take(so_far), group)
        return np.isin(self._group[rows], group[torn_])

    def _map(self, rows: Rows) -> None:
        """Give dependents the values that go with their determinants."""
        for memory in self._memories:
            settled = memory.settle(self._page.batch.take(rows))
            for column, (codes, nulls, strings_) in settled.items():
                self._page.set(rows, column, (codes, nulls), strings_)

    def _whole(self, rows: Rows, known: Mapping[str, Cells]) -> Batch:
        """Return rows as the view has them: with what is known and the numbers of children."""
        batch = self._page.batch
        hidden = [n for n in self._view.known if n in known]
        numbers = [self._counts[n][rows] for n in self._counts]
        present = np.zeros(len(rows), dtype=bool)
        codes = [known[n][0] for n in hidden] + list(batch.codes[rows].T) + numbers
        nulls = [known[n][1] for n in hidden] + list(batch.nulls[rows].T) + [present] * len(numbers)
        names = (*hidden, *batch.columns, *self._counts)
        return Batch(names, np.stack(codes, axis=1), np.stack(nulls, axis=1), batch.pool)

    def _seed(self) -> int:
        return int(self._rng.integers(0, 2**63))
