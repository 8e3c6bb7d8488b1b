"""A generator with no data: rows drawn from the rules, and from the hints of a rules file.

It stands where a fitted RowGenerator can: the decoding modes are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from synthtab.batch import Batch, Codes, Mask
from synthtab.errors import UsageError
from synthtab.generate.density import RARE, Density, density
from synthtab.generate.drawn import Drawn
from synthtab.generate.guide import Given, Guide, Level, check_request
from synthtab.generate.wording import NAMED_SHARE, Wording, wordings
from synthtab.ir import nodes
from synthtab.schema import Column, TextType
from synthtab.solver.feasible import Feasible

RowProgress = Callable[[int, int], None]

TO_COME = "# rows to come"
"""Under this name it is given how many rows of a group come after each row."""
# The share of NULLs in an optional column that does not say its own.
NULLS = 0.1


@dataclass(frozen=True)
class UniformGenerator:
    """Draws the rows of a table of which nothing is known but its columns and rules.

    ``table`` has the columns, and the rules, which tell what texts are about; ``domains`` the codes
    (lo, hi) of each column; ``order`` which columns are drawn, in which order (the guide's; empty:
    all, in the table's). Columns that are not in it are context: rules may speak of them, and what
    is given may hold them. ``known`` has densities of columns, with their shares of NULL, that are
    known from elsewhere and go before hints. ``rising`` names columns that rise from row to row of
    a group; of these, a row has the least of as many draws as there are rows to come with it, which
    is given as ``TO_COME``.

    What is uniform: each cell is drawn from its density within what the guide leaves of it. The
    density is even over the column's range (a stretch of readable size where an end is not
    declared), or has the shape its hint declares; NULL has the share declared, or 10%. Rows weighed
    by ``exp(log_weight)`` therefore follow the product of these densities given the rules: without
    hints, each possible row is as likely as any other (mode ``solver+weighted``). Unweighted they
    are uniform column by column, given the columns before. Texts take no part in this: they are
    drawn as they come, of each length as many, with those that rules name more often.
    """

    table: nodes.Table
    domains: Mapping[str, tuple[int, int]]
    order: tuple[str, ...] = ()
    known: Mapping[str, tuple[Density, float]] = field(default_factory=dict)
    rising: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns of the rows drawn, in the table's order."""
        return tuple(c for c in self.table.columns if not self.order or c.name in self.order)

    def draw(
        self,
        rows: int,
        *,
        level: Level = "solver",
        guide: Guide | None = None,
        seed: int = 0,
        given: Given | None = None,
        progress: RowProgress | None = None,
        least: float = 0.0,
    ) -> Drawn:
        """Draw rows: the same seed gives the same rows.

        ``free`` and ``grammar`` keep to each column's range, ``solver`` also to what ``guide``
        allows. ``given`` is what is known of each row beforehand: its columns are kept as they are.
        ``least`` is the share of cells that are the least value they may be, not any.
        ``progress`` is told how many rows are done, of how many. Raises UsageError for arguments
        out of range, and where texts need Faker and it is not installed.
        """
        check_request(rows, level, guide)
        if given is not None and len(given.columns) != rows:
            raise UsageError(f"{len(given.columns):,} rows are given, and {rows:,} are to be drawn")
        drawing = _Drawing(rows, np.random.default_rng(seed), given, self._texts, least)
        for name in self.order or self.table.column_names:
            column = self.table.column(name)
            if name in drawing.known:
                continue
            if isinstance(column.type, TextType):
                drawing.write_text(column, self._wordings[name])
            else:
                allowed = self._allowed(column, drawing, guide if level == "solver" else None)
                rising = name in self.rising
                drawing.write_code(column, *self._densities[name], allowed, rising=rising)
        if progress is not None:
            progress(rows, rows)
        return drawing.result(tuple(c.name for c in self.columns))

    def _allowed(self, column: Column, drawing: _Drawing, guide: Guide | None) -> Feasible:
        if guide is not None and guide.constrained(column.name):
            found = guide.feasible(column.name, drawing.known, drawing.pool)
            if len(found) == drawing.rows:
                return found
            return found.take(np.zeros(drawing.rows, dtype=np.int64))
        lo, hi = self.domains[column.name]
        ends = np.full((drawing.rows, 1), lo), np.full((drawing.rows, 1), hi)
        return Feasible(np.full(drawing.rows, column.optional), *ends)

    @cached_property
    def _densities(self) -> dict[str, tuple[Density, float]]:
        return {
            c.name: self.known.get(c.name) or (density(c, *self.domains[c.name]), null_share(c))
            for c in self.columns
            if not isinstance(c.type, TextType)
        }

    @cached_property
    def _wordings(self) -> dict[str, Wording]:
        # Strings for the patterns of rules: the same ones in every draw.
        return wordings(self.table, np.random.default_rng(0))

    @property
    def _texts(self) -> set[str]:
        return {c.name for c in self.table.columns if isinstance(c.type, TextType)}


class _Drawing:
    """Rows as far as they are drawn: what is known of each, and its weight."""

    def __init__(
        self,
        rows: int,
        rng: np.random.Generator,
        given: Given | None,
        texts: set[str],
        least: float,
    ) -> None:
        self.rows, self._rng, self._least = rows, rng, least
        self.known: dict[str, tuple[Codes, Mask]] = {}
        self._log_weight = np.zeros(rows)
        self._dead = np.zeros(rows, dtype=bool)
        self._place: dict[str, int] = {}
        if given is not None:
            # Codes of context columns, texts or not, go with their own pool: it comes first.
            self._place = {text: k for k, text in enumerate(given.pool)}
            self.known |= given.known
            columns = given.columns
            for name in columns.columns:
                codes, nulls = columns.column(name)
                if name in texts:
                    codes = np.where(nulls, 0, self._numbers(columns.pool)[codes])
                self.known[name] = codes, nulls

    @property
    def pool(self) -> NDArray[np.object_]:
        """The strings that the codes of text columns index."""
        out = np.empty(len(self._place), dtype=object)
        out[:] = list(self._place)
        return out

    def _numbers(self, texts: NDArray[np.object_]) -> NDArray[np.int64]:
        place = self._place
        return np.array([place.setdefault(t, len(place)) for t in texts], dtype=np.int64)

    def write_text(self, column: Column, wording: Wording) -> None:
        """Draw a text column; some of its cells are those of the columns it is to equal."""
        codes = self._numbers(wording.draw(self.rows, self._rng))
        nulls = self._rng.random(self.rows) < null_share(column)
        for name in wording.partners:
            if name in self.known:
                same = (self._rng.random(self.rows) < NAMED_SHARE) & ~self.known[name][1]
                codes = np.where(same, self.known[name][0], codes)
        self.known[column.name] = np.where(nulls, 0, codes), nulls

    def write_code(
        self,
        column: Column,
        base: Density,
        share: float,
        allowed: Feasible,
        *,
        rising: bool = False,
    ) -> None:
        """Draw any other column, with a share of NULLs, within what is allowed."""
        least_of = self.known[TO_COME][0] + 1 if rising and TO_COME in self.known else None
        if self._least and not rising:
            least_of = np.where(self._rng.random(self.rows) < self._least, 2**60, 1)
        codes, mass = base.draw(allowed, self._rng, least_of)
        mass = mass * (1 - share)
        # A share of 0 or 1 is an aim as well: rules may leave nothing else.
        absent = np.where(allowed.null, max(share, RARE * RARE), 0.0)
        total = np.where(mass > 0, mass, 0.0) + absent
        nulls = self._rng.random(self.rows) * total < absent
        dead = total <= 0
        self._dead |= dead
        self._log_weight += np.log(np.where(dead, 1.0, np.minimum(total, 1.0)))
        self.known[column.name] = np.where(nulls | dead, 0, codes), nulls & ~dead

    def result(self, names: tuple[str, ...]) -> Drawn:
        """Return the rows with these columns."""
        codes = np.zeros((self.rows, len(names)), dtype=np.int64)
        nulls = np.zeros(codes.shape, dtype=bool)
        for at, name in enumerate(names):
            codes[:, at], nulls[:, at] = self.known[name]
        batch = Batch(names, codes, nulls, self.pool)
        nobody = np.zeros(self.rows, dtype=bool)
        return Drawn(batch, self._log_weight, self._dead, self._dead, nobody)


def null_share(column: Column) -> float:
    """Return the share of NULLs a column is to have: as declared, or 10% where it is optional."""
    if not column.optional:
        return 0.0
    declared = None if column.hint is None else column.hint.nulls
    return NULLS if declared is None else float(declared)
