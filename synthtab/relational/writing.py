"""Writing a table's rows: sibling after sibling for all parents at once, under the Plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from synthtab.backends.vector import VectorBackend
from synthtab.batch import Batch, Codes, Mask
from synthtab.draw import Method
from synthtab.generate.guide import Given
from synthtab.generate.uniform import TO_COME, UniformGenerator
from synthtab.ir.walk import columns_of
from synthtab.relational.among import sibling_rules, torn
from synthtab.relational.choosing import Picker, Siblings
from synthtab.relational.company import There
from synthtab.relational.dealing import Hands
from synthtab.relational.exempting import exempted
from synthtab.relational.guiding import WrittenGuide, base_name, fixed_name
from synthtab.relational.hidden import Before, Exempt, Parent, Place, Size, SoFar, ToCome
from synthtab.relational.mapping import Memory
from synthtab.relational.outlook import stuck, telling
from synthtab.relational.page import Cells, Page, copied, pooled, symbols_batch
from synthtab.relational.patience import ANEW, LEAST, REDRAWS, TRIES, patience
from synthtab.relational.reading import Company, Rows, cells, read_name
from synthtab.relational.recounting import lawful, lowered
from synthtab.relational.repeats import first_of_each, repeats_of
from synthtab.relational.standing import Standing
from synthtab.relational.tablemodel import TableModel, base_of, symbols_of
from synthtab.relational.task import Task, Written
from synthtab.relational.turns import turns
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
        siblings = Siblings(self._place, model.view.staged)
        self._picker = Picker(model, task.slots, there, self._links, siblings, rng)
        self._counts = {name: np.zeros(rows, dtype=np.int64) for name in self._view.counts}
        self._guide = WrittenGuide(model.plan, model.relative, model.listed, frozenset(task.counts))
        rests, whole = set(self._view.rests), self._view.table
        checked = [r for r in whole.row_rules if not rests & set(columns_of(r.condition))]
        self._backend = VectorBackend(replace(whole, rules=tuple(checked)))
        strand = self._home.strand
        parents = 0 if strand is None else len(there.batch(strand.reference.parent))
        self._standing = Standing(self._view, len(task.sizes), parents)
        settled = {*self._view.known, *self._home.settled}
        fixed = tuple(r for r in checked if set(columns_of(r.condition)) <= settled)
        about = VectorBackend(replace(whole, rules=fixed))
        self._contextual = about if fixed and model.picks else None
        self._telling = telling(model) if method.level == "solver" and model.picks else ()
        shares = {r.name: r.share for r in self._table.rules if r.share is not None}
        # Drawn once: a row that need not keep a rule need not keep it later either.
        self._exempt = {
            name: exempted(rows, model.exempt[what.rule], shares[what.rule], rng)
            if task.beside is None
            else rng.random(rows) < model.exempt[what.rule]
            for name, what in self._view.hidden.items()
            if isinstance(what, Exempt)
        }
        staged = self._view.staged and method.broken != "keep"
        self._among = sibling_rules(model) if staged else ()
        self._memories = [Memory(d) for d in model.dependencies]
        self._repeats = repeats_of(self._home, {*model.written, *self._home.settled})
        self._hands = Hands(model.deals, self._table, rows, rng, task.dealt)
        if task.beside is not None:
            for memory in self._memories:
                memory.settle(task.beside)
            for repeats in self._repeats:
                repeats.remember(self._page.adopted(task.beside))
        self._tries = 0
        self._lost = np.zeros(rows, dtype=bool)

    def stages(self) -> list[Rows]:
        """Return the rows to be written together, no two of which go by each other."""
        return turns(self._view, self._place, self._links, self._there)

    def _threads(self, rows: Rows) -> Rows:
        """Return the rows that the strand of some rows goes by."""
        strand = self._home.strand
        return rows if strand is None else self._links[strand.reference][rows]

    def write(self, rows: Rows) -> None:
        """Write some rows, no two of them siblings where siblings come in an order."""
        known = self._try(rows)
        for _ in range(ANEW if self._model.picks and self._method.broken != "keep" else 0):
            lost = rows[self._lost[rows]]
            if not len(lost):
                break
            # Those that parents left no way on get others.
            self._picker.let_go(lost)
            self._try(lost)
            known = self._known(rows)
        self._standing.remember(self._whole(rows, known), self._group[rows], self._threads(rows))

    def _try(self, rows: Rows) -> dict[str, Cells]:
        """Write rows, with further parents picked for them; return what was known beforehand."""
        reads = self._read(rows)
        self._picker.pick(rows, reads, self._misplaced)
        self._placed(rows)
        self._hands.put(self._page, rows)
        known = self._known(rows)
        if self._model.generator is not None and self._model.written:
            self._draw(rows, reads, known)
        return known

    def result(self) -> Written:
        """Return all rows, but those that no attempt made lawful and that groups can do without."""
        for column, most in self._task.limits.items() if self._method.broken != "keep" else ():
            self._lower(column, most)
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
        bound |= self._home.strand is not None
        if self._task.allows is None or bound or not self._lost.any():
            return none
        last = np.full(len(self._task.sizes), np.iinfo(np.int64).max)
        np.minimum.at(last, self._group[self._lost], self._place[self._lost])
        gone = self._place >= last[self._group] if self._view.staged else self._lost
        sizes = self._task.sizes - np.bincount(self._group[gone], minlength=len(self._task.sizes))
        return np.asarray(gone & self._task.allows(sizes)[self._group])

    def _allows(self, column: str, numbers: Rows) -> Mask:
        """Say which rows would keep the rules about a number of children if it were another one."""
        rows = np.arange(len(self._group))
        whole = self._whole(rows, self._known(rows))
        return lawful(self._view, self._model.plan, whole, column, numbers)

    def _lower(self, column: str, most: int) -> None:
        """Write rows again until they have no more than ``most`` children in all.

        Rows that can do with fewer children as they are need not be written again: that is seen to
        when the children are. Siblings that go by each other stay as they are.
        """
        if self._view.staged or int(self._counts[column].sum()) <= most:
            return
        now = self._counts[column]
        free = np.full(len(now), np.iinfo(np.int64).max)
        fewer = lowered(now, free, most, lambda n: self._allows(column, n), self._rng)
        for _ in range(REDRAWS if int(fewer.sum()) > most else 0):
            excess = int(self._counts[column].sum()) - most
            if excess <= 0:
                break
            able = self._rng.permutation(np.flatnonzero(self._counts[column]))
            rows = np.sort(able[: max(16, excess)])
            self._again(rows, column, excess)

    def _again(self, rows: Rows, column: str, excess: int) -> None:
        """Write rows once more; those that then have fewer children stay, others are put back."""
        cells_ = self._page.cells(rows)
        counts = {name: numbers[rows] for name, numbers in self._counts.items()}
        lost = self._lost[rows]
        reads = self._read(rows)
        self._picker.tell(rows, reads, self._page)
        self._draw(rows, reads, self._known(rows))
        gain = counts[column] - self._counts[column][rows]
        limited = [counts[c] - self._counts[c][rows] for c in self._task.limits if c != column]
        fine = ~self._lost[rows] & (gain > 0) & np.all([g >= 0 for g in limited], axis=0)
        enough = np.cumsum(np.where(fine, gain, 0)) - np.where(fine, gain, 0) < excess
        back = ~(fine & enough)
        self._page.put(rows[back], cells_[0][back], cells_[1][back])
        for name, numbers in counts.items():
            self._counts[name][rows[back]] = numbers[back]
        self._lost[rows[back]] = lost[back]

    def _company(self, rows: Rows) -> Company:
        links = {rule: found[rows] for rule, found in self._links.items()}
        before = np.where(self._place[rows] > 1, rows - 1, -1)
        return Company(links, before, self._place[rows], self._task.sizes[self._group[rows]])

    # What is known beforehand.

    def _read(self, rows: Rows) -> dict[str, Codes]:
        around, batch = self._company(rows), self._page.batch
        return {
            read_name(k): self._hands.symbols(read.feature, rows)
            if read.kind == "dealt"
            else symbols_of(read, self._table.name, batch, around, self._there)
            for k, read in enumerate(self._model.reads)
        }

    def _misplaced(self, rows: Rows) -> Mask:
        """Say which rows no rule lets go together with the parents that are picked for them."""
        plan = self._model.plan
        asked = self._contextual is not None or plan.before or self._telling
        if self._method.broken == "keep" or not asked:
            return np.zeros(len(rows), dtype=bool)
        self._placed(rows)
        known = self._known(rows)
        pool = self._page.pool.array
        wrong = np.zeros(len(rows), dtype=bool)
        if self._contextual is not None:
            wrong |= self._contextual.violated(self._whole(rows, known)).any(axis=1)
        # What takes longer is asked of what is left.
        if len(fine := np.flatnonzero(~wrong)):
            some = {name: (codes[fine], nulls[fine]) for name, (codes, nulls) in known.items()}
            wrong[fine] = stuck(self._telling, plan, some, pool, len(fine))
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
        order, strand = self._home.order, self._home.strand
        if order is not None and order.numbered is not None:
            self._number(rows, order.numbered, self._place[rows])
        if strand is not None and strand.order.numbered is not None:
            self._number(rows, strand.order.numbered, self._standing.turn(self._threads(rows)))

    def _number(self, rows: Rows, numbered: tuple[str, int], places: Rows) -> None:
        column, start = numbered
        numbers = places + start - 1, np.zeros(len(rows), dtype=bool)
        self._page.set(rows, column, numbers, self._page.pool.array)

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
                case Place(strand):
                    turn = self._standing.turn(self._threads(rows)) if strand else around.place
                    known[name] = turn, present
                case Size():
                    known[name] = around.size, present
                case ToCome():
                    known[name] = around.size - around.place, present
                case Before() | SoFar():
                    known[name] = self._standing.of(name, self._group[rows], self._threads(rows))
        for name in self._home.settled:
            known[name] = copied(batch, name, rows)
        for name, numbers in self._task.counts.items():
            known[fixed_name(name)] = numbers[rows], present
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
        self._refer_softly(mine)
        self._hands.put(self._page, mine)
        if self._method.broken == "keep":
            return ~drawn.malformed, drawn.dead
        self._map(mine)
        fine = (
            ~drawn.malformed
            & ~(drawn.copied & (attempt < TRIES // 2))
            & ~self._hands.forged(self._page, mine)
        )
        whole = self._whole(mine, {n: (c[waiting], m[waiting]) for n, (c, m) in known.items()})
        fine &= ~(self._backend.violated(whole).any(axis=1) | self._torn(mine))
        if self._repeats:
            kept = first_of_each(self._repeats, self._page.batch.take(mine), fine)
            fine = np.isin(np.arange(len(mine)), kept)
        return fine, drawn.dead

    def _refer_softly(self, rows: Rows) -> None:
        """Set keys by which a row need not name anyone, in those that do."""
        for key in self._home.keys:
            if key.steps[0].share is not None:
                at = self._links[key.steps[0]][rows]
                some = at >= 0
                source = pooled(self._there.batch(key.steps[0].parent))
                what = key.cells(*cells(source, key.source, at[some]), source.pool)
                self._page.set(rows[some], key.column, *what)

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
