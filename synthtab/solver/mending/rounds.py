"""One round of mending: collect offers, judge them, take the best, look at all rows again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from synthtab.backends.groups import Ids
from synthtab.batch import Codes, Mask
from synthtab.solver.mending import offers as o
from synthtab.solver.mending.amounts import offer_amounts
from synthtab.solver.mending.choices import offer_choices, offer_declared
from synthtab.solver.mending.copies import offer_copies
from synthtab.solver.mending.cover import Columns, cost, independent, ranked, within
from synthtab.solver.mending.dependencies import offer_dependencies
from synthtab.solver.mending.exchanges import offer_exchanges
from synthtab.solver.mending.groups import offer_groups
from synthtab.solver.mending.judge import Verdict, judge
from synthtab.solver.mending.keys import offer_keys
from synthtab.solver.mending.meetings import offer_meetings
from synthtab.solver.mending.moves import offer_moves
from synthtab.solver.mending.offers import Cells
from synthtab.solver.mending.parents import offer_parents
from synthtab.solver.mending.scene import Scene
from synthtab.solver.mending.sequences import offer_numberings
from synthtab.solver.mending.sheets import Broken, Cell, Edits, Law, Sheets, judge_all, write
from synthtab.solver.mending.wholerows import offer_rows

Proposer = Callable[[Scene], None]
# How many candidates are judged for each violation: few at first, as the first few mostly do.
PER_VIOLATION = (6, 24, 64)
LAST_STAGE = len(PER_VIOLATION) - 1
VOTE = 1.5
SOON = 4
MOST_PUT_BACK = 200
MOST_WIDE = 24


@dataclass
class Work:
    """A repair in progress: the rows, what they break, and why each cell was changed.

    ``deadline`` is a time.monotonic() value; ``go_on`` tells how far the work is, and says whether
    there is time left.
    """

    sheets: Sheets
    laws: Sequence[Law]
    broken: Broken
    columns: Columns
    costs: list[NDArray[np.float64]]
    weights: dict[str, dict[str, float]]
    frozen: frozenset[int]
    rng: np.random.Generator
    max_cells: int | None
    deadline: float | None
    go_on: Callable[[], bool]
    processes: int
    first: list[tuple[Codes, Mask]]
    written: int = 0
    causes: dict[Cell, set[str]] = field(default_factory=dict)
    tried: set[tuple[int, ...]] = field(default_factory=set)

    def cells_left(self) -> int | None:
        """Return how many more cells may be changed; None without a limit."""
        if self.max_cells is None:
            return None
        changed = 0
        for k, (codes, nulls) in enumerate(self.first):
            differ = (codes != self.sheets.codes[k]) | (nulls != self.sheets.nulls[k])
            changed += int(differ.sum())
        return self.max_cells - changed


def mend_round(work: Work, stage: int) -> bool:
    """Do one round; say whether violations went away.

    Later stages judge more candidates; the last one makes more offers as well: every value of a
    small column, rows mended whole.
    """
    thorough = stage == LAST_STAGE
    skip = [np.zeros(len(m), bool) for m in work.broken.masks]
    scene = Scene(work.sheets, work.laws, work.broken, work.columns, work.frozen, work.rng, skip)
    if not scene.violations:
        return False
    propose(scene, thorough)
    if thorough:
        offer_rows(scene, work.weights)
        offer_groups(scene, work.costs, deadline=work.deadline, processes=work.processes)
    made = candidates(scene, work.columns, PER_VIOLATION[stage], thorough, work.tried)
    return settle(work, made)


def propose(scene: Scene, thorough: bool) -> None:
    """Offer what rules and data say of single cells and of a few together."""
    proposers: list[Proposer] = [
        offer_amounts,
        offer_copies,
        offer_dependencies,
        offer_keys,
        offer_parents,
        offer_numberings,
        offer_meetings,
        offer_exchanges,
        offer_moves,
        offer_declared,
    ]
    for one in proposers:
        one(scene)
    offer_choices(scene, thorough)


@dataclass(frozen=True)
class Candidates:
    """Changes to be judged, with what speaks against each (``doubt``).

    ``one`` marks exchanges, which count as one mistake, ``sure`` keys whose value is known from
    elsewhere; ``names`` tell the changes apart, so that those in vain are not judged again.
    """

    edits: Edits
    doubt: NDArray[np.float64]
    one: Mask
    sure: Mask
    names: list[tuple[int, ...]]


def settle(work: Work, made: Candidates) -> bool:
    """Judge candidates, write the best, take back what does harm; say if violations went away."""
    edits = made.edits
    if not edits.count:
        return False
    verdict = judge(work.sheets, work.laws, work.broken, edits, go_on=work.go_on)
    mistakes = np.where(made.one, 1, edits.sizes())
    price = cost(edits, work.costs, mistakes, made.sure)
    order = ranked(verdict, price, made.doubt, work.rng)
    order = order[np.isfinite(price[order])]
    chosen = independent(verdict, edits, order)
    chosen = within(edits, chosen, order, work.cells_left())
    work.tried.update(made.names)
    done = len(chosen) > 0 and apply(work, edits, verdict, chosen, order)
    # What only a look at all rows can judge is tried by itself.
    for alone in order[verdict.wide[order]][:MOST_WIDE]:
        if done:
            break
        fits = within(edits, np.array([alone]), order, work.cells_left())
        done = len(fits) > 0 and apply(work, edits, verdict, fits, order)
    if done:
        work.tried.clear()
    return done


def apply(work: Work, edits: Edits, verdict: Verdict, chosen: Ids, order: Ids) -> bool:
    """Write the chosen candidates, except those that look at all rows shows to break something."""
    before = work.broken
    rank = np.full(edits.count, len(order), np.int64)
    rank[order] = np.arange(len(order))
    while len(chosen):
        written = edits.of(chosen)
        back = write(work.sheets, written)
        after = again(work, before, written)
        fresh = [a & ~b for a, b in zip(after.masks, before.masks, strict=True)]
        if not any(m.any() for m in fresh) and after.total() < before.total():
            work.broken = after
            work.written += 1
            fewer = [
                law.name
                for law, a, b in zip(work.laws, after.masks, before.masks, strict=True)
                if a.sum() < b.sum()
            ]
            _note(work, edits, verdict, chosen, fewer)
            return True
        write(work.sheets, back)
        blamed = _blamed(work, edits, verdict, chosen, rank, fresh)
        chosen = np.setdiff1d(chosen, blamed if len(blamed) else chosen)
    return False


def put_back(work: Work) -> None:
    """Undo changes that turned out not to be needed: cells whose old value breaks nothing now.

    What one round writes is needed all of it; only later rounds may make it needless.
    """
    if work.written < 2:
        return
    edits = []
    for k, (codes, nulls) in enumerate(work.first):
        differ = (codes != work.sheets.codes[k]) | (nulls != work.sheets.nulls[k])
        for row, at in np.argwhere(differ).tolist():
            if not _exchanged(codes[row], work.sheets.codes[k][row], at):
                edits.append([(k, row, at, int(codes[row, at]), bool(nulls[row, at]))])
    if not edits:
        return
    given = o.listed(edits)
    verdict = judge(work.sheets, work.laws, work.broken, given, go_on=work.go_on)
    needless = np.flatnonzero((verdict.added == 0) & ~verdict.wide)
    for chosen in needless[:MOST_PUT_BACK].tolist():
        before = work.broken
        one = given.of(np.array([chosen]))
        back = write(work.sheets, one)
        after = again(work, before, one)
        # One by one: two cells may each be put back, but not both.
        if any((a & ~b).any() for a, b in zip(after.masks, before.masks, strict=True)):
            write(work.sheets, back)
            work.broken = again(work, before, one)
        else:
            work.broken = after


def _exchanged(was: Codes, now: Codes, at: int) -> bool:
    """Say whether a row's cell and another hold each other's values: half of that is no repair."""
    return bool(((now == was[at]) & (was == now[at]) & (now != was)).any())


def again(work: Work, before: Broken, written: Edits) -> Broken:
    """Judge all rows by the laws that read a column written to; the others say what they said."""
    touched = {
        (work.sheets.tables[t].name, work.sheets.tables[t].column_names[c])
        for t, c in set(zip(written.table.tolist(), written.column.tolist(), strict=True))
    }
    only = [
        k
        for k, law in enumerate(work.laws)
        if any((name, c) in touched for name, columns in law.reads.items() for c in columns)
    ]
    after = judge_all(work.sheets, work.laws, only)
    chosen = set(only)
    masks = [mask if k in chosen else before.masks[k] for k, mask in enumerate(after.masks)]
    return Broken(tuple(masks), after.checks)


def _blamed(
    work: Work,
    edits: Edits,
    verdict: Verdict,
    chosen: Ids,
    rank: Ids,
    fresh: Sequence[Mask],
) -> Ids:
    """Return the chosen candidates that bear on rows which now break a law they kept.

    Of several that only together do harm the best one stays.
    """
    mine = np.isin(verdict.by, chosen)
    by, law, row = verdict.by[mine], verdict.law[mine], verdict.row[mine]
    hit = np.array([bool(fresh[k][r]) for k, r in zip(law.tolist(), row.tolist(), strict=True)])
    blamed: set[int] = set()
    spared: dict[tuple[int, int], list[int]] = {}
    for at in np.flatnonzero(hit).tolist():
        spared.setdefault((int(law[at]), int(row[at])), []).append(int(by[at]))
    for found in spared.values():
        ordered = sorted(set(found), key=lambda c: int(rank[c]))
        blamed.update(ordered[1:] or ordered)
    for k, mask in enumerate(fresh):
        if mask.any() and not any(key[0] == k for key in spared):
            names = work.laws[k].reads
            for c in chosen.tolist():
                for at in np.flatnonzero(edits.candidate == c).tolist():
                    table = work.sheets.tables[int(edits.table[at])]
                    if table.column_names[int(edits.column[at])] in names.get(table.name, {}):
                        blamed.add(c)
    return np.array(sorted(blamed), np.int64)


def _note(work: Work, edits: Edits, verdict: Verdict, chosen: Ids, fewer: Sequence[str]) -> None:
    """Remember which rules each written cell was changed for: of wide ones, those now kept."""
    wanted = np.zeros(edits.count, bool)
    wanted[chosen] = True
    rules: dict[int, set[str]] = {}
    for at in np.flatnonzero((verdict.change < 0) & wanted[verdict.by]).tolist():
        rules.setdefault(int(verdict.by[at]), set()).add(work.laws[int(verdict.law[at])].name)
    for at in np.flatnonzero(wanted[edits.candidate]).tolist():
        cell = (int(edits.table[at]), int(edits.row[at]), int(edits.column[at]))
        found = rules.get(int(edits.candidate[at])) or set(fewer)
        work.causes.setdefault(cell, set()).update(found)


# Candidates from offers.


def candidates(
    scene: Scene,
    columns: Columns,
    most: int,
    thorough: bool,
    tried: Collection[tuple[int, ...]] = (),
) -> Candidates:
    """Return the most promising candidates for each violation, ``tried`` ones left out."""
    cells = scene.offers.single()
    names, place, first = _named(cells)
    pairs = np.unique(np.stack([place, cells.owner], axis=1), axis=0)
    votes = np.bincount(pairs[:, 0], minlength=len(first))
    hint = np.full(len(first), np.inf)
    np.minimum.at(hint, place, cells.hint)
    one = cells.take(first)
    doubt = hint + columns.strangeness(o.single_edits(one))
    doubt -= VOTE * np.minimum(votes - 1, 2)
    new = np.array([tuple(n) not in tried for n in names.tolist()], dtype=bool)
    # An edge looks unlike the data, but it mends where the values drawn beyond it may not.
    rank = np.lexsort([np.where(hint == o.EDGE, doubt - 1.0, doubt)])
    score = np.empty(len(first), np.int64)
    score[rank] = np.arange(len(first))
    cell = np.unique(names[:, :3], axis=0, return_inverse=True)[1].ravel()
    kept = _best(pairs[new[pairs[:, 0]]] if len(pairs) else pairs, score, cell, most)
    sets: list[list[tuple[int, int, int, int, bool]]] = []
    several_doubt: list[float] = []
    half: list[bool] = []
    several_names: list[tuple[int, ...]] = []
    for _, edits, why in scene.offers.several:
        name = tuple(v for edit in edits for v in edit)
        # To write many cells at once is a last resort: renumbering a group hides what is wrong.
        patient = len(edits) <= SOON or thorough
        if patient and name not in tried and name not in several_names[-64:]:
            sets.append(edits)
            several_names.append(name)
            several_doubt.append(why)
            half.append(why == o.DETERMINED)
    listed = o.listed(sets)
    if listed.count:
        strange = columns.strangeness(listed)
        several = np.array(several_doubt) + strange
    else:
        several = np.empty(0)
    return Candidates(
        o.joined(o.single_edits(one.take(kept)), listed),
        np.concatenate([doubt[kept], several]),
        np.concatenate([np.zeros(len(kept), bool), np.array(half, bool)]),
        np.concatenate([hint[kept] <= o.CERTAIN, np.zeros(len(half), bool)]),
        [tuple(n) for n in names[kept].tolist()] + several_names,
    )


def _named(cells: Cells) -> tuple[Ids, Ids, Ids]:
    """Return the distinct changes offered, which of them each offer is, and an offer of each."""
    stacked = np.stack(
        [cells.table, cells.row, cells.column, cells.code, cells.null.astype(np.int64)], axis=1
    )
    names, first, place = np.unique(stacked, axis=0, return_index=True, return_inverse=True)
    return names, place.ravel(), first


def _best(pairs: Ids, score: Ids, cell: Ids, most: int) -> Ids:
    """Return the changes that are among the ``most`` best for one who asked.

    The first two of each cell come before the third of any.
    """
    if not len(pairs):
        return np.empty(0, np.int64)
    change, owner = pairs[:, 0], pairs[:, 1]
    order = np.lexsort([score[change], cell[change], owner])
    change, owner = change[order], owner[order]
    later = _within(owner, cell[change]) // 2
    order = np.lexsort([score[change], later, owner])
    change, owner = change[order], owner[order]
    return np.unique(change[_within(owner) < most])


def _within(*sorted_by: Ids) -> Ids:
    """Return each row's number, from 0, among those that agree on columns it is sorted by."""
    count = len(sorted_by[0])
    fresh = np.zeros(count, bool)
    fresh[:1] = True
    for column in sorted_by:
        fresh[1:] |= column[1:] != column[:-1]
    starts = np.flatnonzero(fresh)
    return np.asarray(np.arange(count) - np.repeat(starts, np.diff([*starts, count])))
