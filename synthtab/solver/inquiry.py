"""Questions about the rows that rules allow: is there one such that ...? If not, why not?

Every "yes" comes with a row that was checked outside the solver, every "no" is a proof, and what is
neither is said to be open, with the reason. Terms Z3 cannot reason about are refined where a model
gets them wrong (solver/lemmas.py), so that few questions stay open.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import z3
from numpy.typing import NDArray

from synthtab.backends.smt import Hidden, SmtBackend
from synthtab.backends.vector import Evaluator
from synthtab.diagnostics import Span
from synthtab.ir import core, nodes
from synthtab.ir.context import PREFIX
from synthtab.ir.corewalk import variables
from synthtab.ir.normalise import lower
from synthtab.schema import TextType
from synthtab.solver import lemmas
from synthtab.solver.eliminate import Deadline
from synthtab.solver.wording import Wording

Cell = int | str | None
"""A code, a string in a text column, or None for NULL."""
Row = Mapping[str, Cell]

ANY_ROW = core.Truth(True)
MAX_ROUNDS = 40
# Rows kept to answer later questions without the solver.
MAX_POOL = 256
OUT_OF_TIME = "the time ran out"
NO_STRING = "no string was found that fits the patterns"
TOO_WIDE = "products or calendar terms range too widely"


@dataclass(frozen=True)
class Claim:
    """Something every row has to keep: a condition that must not be FALSE.

    ``is_rule`` tells a rule from what a column declares.
    """

    title: str
    condition: core.Cond
    span: Span | None = None
    is_rule: bool = True


@dataclass(frozen=True)
class Answer:
    """``yes`` with a checked row of the inquiry's columns, ``no``, or ``open`` with the reason."""

    verdict: Literal["yes", "no", "open"]
    row: Row | None = None
    reason: str = ""


def rule_claims(table: nodes.Table, rules: Sequence[nodes.RowRule]) -> list[Claim]:
    """Return rules as claims."""
    return [Claim(f"rule {r.name}", lower(r.condition, table), r.span) for r in rules]


def broken(condition: core.Cond) -> core.Cond:
    """Return the condition that is TRUE where ``condition`` is FALSE."""
    return core.Not(condition)


@dataclass
class _Pool:
    """Rows met so far: their cells as arrays, and which claims each keeps."""

    codes: dict[str, NDArray[np.int64]]
    nulls: dict[str, NDArray[np.bool_]]
    strings: list[str]
    kept: NDArray[np.bool_]
    rows: list[Row] = field(default_factory=list)


class Inquiry:
    """Questions about the rows of ``table`` (its columns; not its rules) that keep ``claims``.

    Columns' ranges, NULLs and texts as the table declares them hold in every row. ``deadline``
    bounds all questions together; one check takes at most ``slice_ms`` of it.
    """

    def __init__(
        self,
        table: nodes.Table,
        claims: Sequence[Claim],
        deadline: Deadline,
        *,
        slice_ms: int = 2_000,
    ) -> None:
        self.table, self.claims, self.deadline = table, tuple(claims), deadline
        self._slice_ms = slice_ms
        self._texts = [c.name for c in table.columns if isinstance(c.type, TextType)]
        self._wording = Wording(table)
        self.backend = SmtBackend(table)
        self._kept = [self.backend.holds_lowered(c.condition) for c in self.claims]
        self._marks = [z3.Bool(f"\x03claim {k}", self._context) for k in range(len(self.claims))]
        self._place = {m.get_id(): k for k, m in enumerate(self._marks)}
        self._solver = z3.Solver(ctx=self._context)
        self._facts: list[z3.BoolRef] = []
        self._seen: set[str] = set()
        self._asked = 0
        # Of each question answered with no: the positions of claims that this rests on.
        self._blamed: dict[core.Cond, list[int]] = {}
        self._solver.add(*(self.backend.range_formula(c) for c in table.column_names))
        for mark, kept in zip(self._marks, self._kept, strict=True):
            self._solver.add(z3.Implies(mark, kept))
        self._learn_new_terms()
        self._pool = _Pool(
            {c: np.empty(0, np.int64) for c in table.column_names},
            {c: np.empty(0, bool) for c in table.column_names},
            [],
            np.empty((0, len(self.claims)), bool),
        )

    @property
    def _context(self) -> z3.Context:
        return self.backend.context

    # Questions.

    def can(self, wanted: core.Cond = ANY_ROW, without: Collection[int] = ()) -> Answer:
        """Can a row that keeps all claims but those at ``without`` make ``wanted`` TRUE?"""
        needed = [k for k in range(len(self.claims)) if k not in set(without)]
        row = self._from_pool(wanted, needed)
        return Answer("yes", row) if row is not None else self._ask(wanted, needed)

    def because(self, wanted: core.Cond = ANY_ROW) -> list[Claim]:
        """Return a smallest set of claims and column ranges that make ``wanted`` impossible.

        Only after :meth:`can` said no to the question; of several times it did, the last counts.
        None of the set can be spared, as far as there is time to make sure; ranges are left out
        first.
        """
        blamed = self._blamed[wanted]
        spoken = {v for k in blamed for v in variables(self.claims[k].condition)}
        spoken |= set(variables(wanted))
        claims = [
            *((self.claims[k], self._kept[k]) for k in blamed),
            *self._ranges(spoken),
        ]
        solver = z3.Solver(ctx=self._context)
        solver.add(*self._facts, self.backend.condition(wanted).true)
        marks = [z3.Bool(f"\x03given {k}", self._context) for k in range(len(claims))]
        for mark, (_, formula) in zip(marks, claims, strict=True):
            solver.add(z3.Implies(mark, formula))
        if self._check(solver, marks) != z3.unsat:
            return [claim for claim, _ in claims if claim.is_rule]
        place = {m.decl().name(): k for k, m in enumerate(marks)}
        core_ = sorted(
            (place[m.decl().name()] for m in solver.unsat_core()),
            key=lambda k: (claims[k][0].is_rule, -k),
        )
        for k in tuple(core_):
            rest = [j for j in core_ if j != k]
            if not self.deadline.spent() and (
                self._check(solver, [marks[j] for j in rest]) == z3.unsat
            ):
                core_ = [place[m.decl().name()] for m in solver.unsat_core()]
                core_ = [j for j in rest if j in core_]
        return [claims[k][0] for k in sorted(core_)]

    def seen(self, column: str) -> NDArray[np.int64]:
        """Return the codes of a column in the rows found so far that keep every claim."""
        good = self._pool.kept.all(axis=1) & ~self._pool.nulls[column]
        return self._pool.codes[column][good]

    def strings_of(self, column: str) -> list[str]:
        """Return the strings that claims compare a text column with."""
        facts = lemmas.text_facts(self.backend, column)
        return [f.text for f, _ in facts if isinstance(f, core.TextIs)]

    def keeps(self, row: Row) -> list[int]:
        """Return the positions of the claims a row keeps."""
        env, strings = self._environment(row)
        evaluator = Evaluator(env, strings)
        return [
            k
            for k, claim in enumerate(self.claims)
            if not bool(np.all(evaluator.truth(claim.condition)[1]))
        ]

    # The solver's loop.

    def _ask(self, wanted: core.Cond, needed: Sequence[int]) -> Answer:
        if self.deadline.spent():
            return Answer("open", reason=OUT_OF_TIME)
        formula = self.backend.condition(wanted).true
        self._learn_new_terms()
        self._asked += 1
        question = z3.Bool(f"\x03question {self._asked}", self._context)
        self._solver.add(z3.Implies(question, formula))
        try:
            return self._rounds(wanted, needed, question)
        finally:
            self._solver.add(z3.Not(question))

    def _rounds(self, wanted: core.Cond, needed: Sequence[int], question: z3.BoolRef) -> Answer:
        given = [question, *(self._marks[k] for k in needed)]
        here: list[z3.BoolRef] = []
        weakened = False
        for _ in range(MAX_ROUNDS):
            model = self._model(given, here)
            if isinstance(model, Answer):
                if model.verdict == "no":
                    core_ = [self._place.get(m.get_id()) for m in self._solver.unsat_core()]
                    self._blamed[wanted] = sorted(k for k in core_ if k is not None)
                reason = NO_STRING if weakened else model.reason
                return Answer("open" if weakened else model.verdict, reason=reason)
            row = self._wording.row(self.backend, model)
            if row is not None and self._is_witness(row, wanted, needed):
                return Answer("yes", row)
            found = self._refine(model, row)
            here = [lemma.here for lemma in found]
            if not found:
                # The strings were at fault. If there are none, that is so for every row; else leave
                # this combination of facts, and remember that.
                nowhere = self._wording.impossible(self.backend, model)
                if nowhere:
                    self._learn([z3.Not(z3.And(nowhere))])
                    continue
                weakened = True
                excluded = self._wording.facts_of(self.backend, model)
                if not excluded:
                    return Answer("open", reason=NO_STRING)
                self._solver.add(z3.Implies(question, z3.Not(z3.And(excluded))))
        return Answer("open", reason=NO_STRING if weakened else TOO_WIDE)

    def _model(
        self, given: Sequence[z3.BoolRef], here: Sequence[z3.BoolRef]
    ) -> z3.ModelRef | Answer:
        """Return a model, one near the last lemmas if there is such, or why there is none."""
        if here:
            self._solver.push()
            self._solver.add(*here)
            verdict = self._check(self._solver, given)
            model = self._solver.model() if verdict == z3.sat else None
            self._solver.pop()
            if model is not None:
                return model
        verdict = self._check(self._solver, given)
        if verdict == z3.sat:
            return self._solver.model()
        if verdict == z3.unsat:
            return Answer("no")
        return Answer("open", reason=OUT_OF_TIME)

    def _check(self, solver: z3.Solver, given: Sequence[z3.BoolRef]) -> z3.CheckSatResult:
        if self.deadline.spent():
            return z3.unknown
        solver.set("timeout", min(self._slice_ms, self.deadline.left_ms()))
        # solver.check(*given), without a cast of every literal at every call.
        literals = (z3.Ast * len(given))(*(g.ast for g in given))
        verdict = z3.Z3_solver_check_assumptions(
            self._context.ref(), solver.solver, len(given), literals
        )
        return z3.CheckSatResult(verdict)

    def _refine(self, model: z3.ModelRef, row: Row | None) -> list[lemmas.Lemma]:
        numbers = row if row is not None else self._wording.row(self.backend, model, texts=False)
        assert numbers is not None
        env, strings = self._environment(numbers)
        evaluator = Evaluator(env, strings)

        def exactly(term: core.Term) -> int | None:
            value, nulls = evaluator.value(term)
            absent = nulls is not None and bool(np.all(nulls))
            return None if absent else int(np.asarray(value).reshape(-1)[0])

        found = lemmas.where_wrong(self.backend, model, exactly, exactly)
        self._learn(lemma.fact for lemma in found)
        return found

    def _learn(self, facts: Any) -> None:
        added = list(facts)
        self._facts += added
        self._solver.add(*added)

    def _learn_new_terms(self) -> None:
        """Assert what is known of hidden terms that came up since the last time."""
        self._wording.hear(self.backend)
        if self._texts:
            mutual = lemmas.share_facts(self.backend, self._texts)
        fresh: list[Hidden] = []
        # Facts may bring terms of their own.
        while new := [h for h in self.backend.hidden if h.name not in self._seen]:
            self._seen |= {h.name for h in new}
            fresh += new
            for one in new:
                value = self.backend.value(one.name)
                bounds = [value >= one.lo, value <= one.hi]
                self._learn([*bounds, *self.backend.axioms(one)])
            self._learn(lemmas.at_start(self.backend, new))
        if self._texts and any(isinstance(h.term, lemmas.Fact) for h in fresh):
            self._learn(mutual)

    def _ranges(self, columns: Collection[str]) -> list[tuple[Claim, z3.BoolRef]]:
        return [
            (
                Claim(f"the range of {_shown(c.name)}", ANY_ROW, c.span, is_rule=False),
                self.backend.range_formula(c.name),
            )
            for c in self.table.columns
            if c.name in columns
        ]

    # Rows.

    def _environment(self, row: Row) -> tuple[dict[str, Any], NDArray[np.object_]]:
        strings = sorted({v for v in row.values() if isinstance(v, str)})
        place = {s: k for k, s in enumerate(strings)}
        env = {
            c: (
                np.array([place[v] if isinstance(v, str) else v or 0], dtype=np.int64),
                np.array([v is None]),
            )
            for c, v in row.items()
        }
        return env, np.array(strings, dtype=object)

    def _is_witness(self, row: Row, wanted: core.Cond, needed: Sequence[int]) -> bool:
        """Check a row without the solver, and keep it in the pool where it is one."""
        env, strings = self._environment(row)
        kept = self.keeps(row)
        if not set(needed) <= set(kept):
            return False
        if not bool(np.all(Evaluator(env, strings).truth(wanted)[0])):
            return False
        self._remember(row, kept)
        return True

    def _remember(self, row: Row, kept: Sequence[int]) -> None:
        pool = self._pool
        if len(pool.rows) >= MAX_POOL:
            return
        for column, cell in row.items():
            code = 0
            if isinstance(cell, str):
                if cell not in pool.strings:
                    pool.strings.append(cell)
                code = pool.strings.index(cell)
            elif cell is not None:
                code = cell
            pool.codes[column] = np.append(pool.codes[column], code)
            pool.nulls[column] = np.append(pool.nulls[column], cell is None)
        mask = np.zeros((1, len(self.claims)), bool)
        mask[0, list(kept)] = True
        pool.kept = np.concatenate([pool.kept, mask])
        pool.rows.append(row)

    def _from_pool(self, wanted: core.Cond, needed: Sequence[int]) -> Row | None:
        pool = self._pool
        if not pool.rows:
            return None
        env = {c: (pool.codes[c], pool.nulls[c]) for c in variables(wanted)}
        true = Evaluator(env, np.array(pool.strings, dtype=object)).truth(wanted)[0]
        fits = np.broadcast_to(true, (len(pool.rows),)) & pool.kept[:, list(needed)].all(axis=1)
        return pool.rows[int(fits.argmax())] if fits.any() else None


def _shown(column: str) -> str:
    """Return a column's name; of a hidden one (solver/beyond.py) the term it stands for."""
    return column.split(" ", 1)[1] if column.startswith(PREFIX) else column
