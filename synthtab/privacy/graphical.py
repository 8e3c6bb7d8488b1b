"""Rows drawn from an estimate, under the masks of a Plan: the generator without a network."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from synthtab.batch import Batch, Codes, Mask
from synthtab.errors import SavedModelError
from synthtab.generate.drawn import Drawn
from synthtab.generate.guide import Guide, Level, check_request
from synthtab.privacy.chain import Chain, Link
from synthtab.privacy.grid import Axis, Cells, Grid
from synthtab.privacy.zeros import Fixed, follow
from synthtab.schema import Column
from synthtab.solver.feasible import Feasible

FACTS, SHARES = "estimate.json", "estimate.safetensors"
TRIES = 6
"""How often the cells of a row that no rule allows are drawn again, before they are let go."""


@dataclass(frozen=True)
class GraphicalGenerator:
    """Draws a row's cells from a chain, then values within them.

    ``columns`` are the table's; those that the chain has none of are ``fixed`` by others, or
    follow from the guide. ``order`` is the guide's.
    """

    columns: tuple[Column, ...]
    order: tuple[str, ...]
    chain: Chain
    fixed: tuple[Fixed, ...] = ()

    def draw(
        self,
        rows: int,
        *,
        level: Level = "solver",
        guide: Guide | None = None,
        seed: int = 0,
        progress: Callable[[int, int], None] | None = None,
    ) -> Drawn:
        """Draw rows: the same seed gives the same rows.

        ``free`` and ``grammar`` ask no guide; ``solver`` draws a value from what the guide leaves
        of its cell. Rows whose cells the guide does not allow are drawn again; after a few tries
        their values may lie in other cells. Raises UsageError for arguments out of range.
        """
        check_request(rows, level, guide)
        rng = np.random.default_rng(seed)
        names = tuple(c.name for c in self.columns)
        codes = np.zeros((rows, len(names)), dtype=np.int64)
        nulls = np.zeros(codes.shape, dtype=bool)
        open_, dead = np.arange(rows), np.zeros(rows, dtype=bool)
        for attempt in range(TRIES):
            writing = _Writing(self, self.chain.draw(len(open_), rng), rng)
            strict = attempt < TRIES - 1
            lost = writing.write(guide if level == "solver" else None, strict)
            for at, name in enumerate(names):
                codes[open_, at], nulls[open_, at] = writing.known[name]
            dead[open_] = lost
            open_ = open_[lost]
            if not len(open_):
                break
        if progress is not None:
            progress(rows, rows)
        batch = Batch(names, codes, nulls, np.empty(0, dtype=object))
        nobody = np.zeros(rows, dtype=bool)
        return Drawn(batch, np.zeros(rows), dead, dead, nobody)

    @property
    def tells(self) -> bool:
        """It can tell how likely rows are: it draws no free text."""
        return True

    def log_likelihood(self, rows: Batch) -> NDArray[np.float64]:
        """Return the log of the probability of each row's cells (rows,), in nats.

        What is drawn within a cell is the same for any data with that cell's count.
        """
        return self.chain.log_shares(self.chain.grid.cells(rows))

    def save(self, directory: Path) -> None:
        """Write the generator's files into an existing directory."""
        facts = {
            "order": list(self.order),
            "axes": [asdict(a) for a in self.chain.grid.axes],
            "links": [{"column": x.column, "given": list(x.given)} for x in self.chain.links],
            "fixed": [asdict(f) for f in self.fixed],
        }
        (directory / FACTS).write_text(json.dumps(facts) + "\n", encoding="utf-8")
        save_file({x.column: x.shares for x in self.chain.links}, directory / SHARES)

    @classmethod
    def load(cls, directory: Path, columns: Sequence[Column]) -> GraphicalGenerator:
        """Read a saved generator. Raises SavedModelError where files are missing or damaged."""
        try:
            facts = json.loads((directory / FACTS).read_text(encoding="utf-8"))
            shares = load_file(directory / SHARES)
            grid = Grid(tuple(_axis(a) for a in facts["axes"]))
            links = tuple(
                Link(x["column"], tuple(x["given"]), shares[x["column"]]) for x in facts["links"]
            )
            fixed = tuple(Fixed(f["column"], f["by"], tuple(f["codes"])) for f in facts["fixed"])
            return cls(tuple(columns), tuple(facts["order"]), Chain(grid, links), fixed)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SavedModelError(f"{directory}: the estimate cannot be read: {error}") from error


def values_of(
    generator: GraphicalGenerator,
    cells: Cells,
    guide: Guide,
    known: Mapping[str, tuple[Codes, Mask]],
    rng: np.random.Generator,
    *,
    strict: bool,
) -> tuple[dict[str, tuple[Codes, Mask]], Mask]:
    """Draw the values of rows whose cells (rows, axes) are drawn, and some of whose columns known.

    Return all columns, and which rows are lost: those that the guide allows no value within their
    cells, or, unless ``strict``, no value at all.
    """
    writing = _Writing(generator, cells, rng)
    writing.known.update(known)
    lost = writing.write(guide, strict)
    return writing.known, lost


def _axis(facts: dict[str, Any]) -> Axis:
    pieces = tuple((int(a), int(b), float(w), int(c)) for a, b, w, c in facts["pieces"])
    return Axis(facts["column"], tuple(facts["lo"]), tuple(facts["hi"]), facts["null"], pieces)


class _Writing:
    """Rows while values are drawn within their cells."""

    def __init__(
        self, generator: GraphicalGenerator, cells: Cells, rng: np.random.Generator
    ) -> None:
        self._generator, self._cells, self._rng = generator, cells, rng
        self._grid = generator.chain.grid
        self._fixed = {f.column: f for f in generator.fixed}
        self.known: dict[str, tuple[Codes, Mask]] = {}

    def write(self, guide: Guide | None, strict: bool) -> Mask:
        """Draw all columns; say which rows the guide allows no value within their cells."""
        rows = len(self._cells)
        lost = np.zeros(rows, dtype=bool)
        pool = np.empty(0, dtype=object)
        for name in self._generator.order:
            codes, nulls = self._value(name)
            if guide is not None and guide.constrained(name):
                allowed = guide.feasible(name, self.known, pool)
                if len(allowed) != rows:
                    allowed = allowed.take(np.zeros(rows, dtype=np.int64))
                wrong = ~allowed.contains(codes, nulls)
                if wrong.any():
                    codes, nulls, gone = self._other(name, codes, nulls, allowed, wrong, strict)
                    lost |= gone
            self.known[name] = np.where(nulls, 0, codes), nulls
        return lost

    def _value(self, name: str) -> tuple[Codes, Mask]:
        if name in self._fixed:
            codes = follow(self._fixed[name], self._grid, self._cells)
            return np.maximum(codes, 0), np.zeros(len(codes), dtype=bool)
        return self._grid.axis(name).draw(self._at(name), self._rng)

    def _at(self, name: str) -> Cells:
        return self._cells[:, self._grid.columns.index(name)]

    def _other(
        self, name: str, codes: Codes, nulls: Mask, allowed: Feasible, wrong: Mask, strict: bool
    ) -> tuple[Codes, Mask, Mask]:
        """Draw other values for rows whose value is not allowed: in their cell, then anywhere."""
        at = np.flatnonzero(wrong)
        rest = allowed.take(at)
        gone = np.zeros(len(codes), dtype=bool)
        inside = rest
        if name not in self._fixed:
            lo, hi, absent = self._grid.axis(name).ends(self._at(name)[at])
            cut = rest.between(lo, hi)
            inside = Feasible(rest.null & absent, cut.lo, cut.hi, cut.stride)
        empty = ~inside.any()
        found, missing = inside.uniform(self._rng)
        if empty.any() and not strict:
            anywhere, nothing = rest.uniform(self._rng)
            found = np.where(empty, anywhere, found)
            missing = np.where(empty, nothing, missing)
            empty = ~rest.any()
        codes, nulls = codes.copy(), nulls.copy()
        codes[at], nulls[at] = found, missing
        gone[at] = empty
        return codes, nulls, gone
