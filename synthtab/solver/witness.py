"""Example rows: some that keep all rules, and for each rule some that break it and nothing else.

Every row is checked by the scalar oracle (ir/evaluate.py) before it is given out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from synthtab.errors import InfeasibleError
from synthtab.ir import core, nodes
from synthtab.ir.evaluate import evaluate
from synthtab.ir.normalise import lower
from synthtab.lang.quoting import write_name
from synthtab.schema import TextType, Value
from synthtab.solver.diff import twins
from synthtab.solver.eliminate import Deadline
from synthtab.solver.inquiry import ANY_ROW, Answer, Inquiry, Row, broken, rule_claims
from synthtab.solver.lemmas import fact_value, text_facts
from synthtab.solver.report import listed
from synthtab.solver.rowcells import cells_of
from synthtab.solver.strings import Strings
from synthtab.solver.vary import Sampler, stir
from synthtab.solver.wording import decoded

Values = Mapping[str, Value | None]
MAX_ASKED = 64
# Lawful rows drawn to take values from, and how many of them a row is offered.
DONORS = 64
DONATIONS = 6
# Strings drawn to find some for each pattern that rules speak of, and how many of them are kept.
DRAWN, PER_PATTERN = 400, 20


@dataclass(frozen=True)
class Breaking:
    """A row that breaks ``rule`` alone; two that do for a key or unique rule; or why none is."""

    rule: str
    rows: tuple[Values, ...] = ()
    reason: str | None = None


def examples(table: nodes.Table, n: int, *, seed: int = 0, budget_s: float = 10.0) -> list[Values]:
    """Return ``n`` rows that keep every row rule, key and unique rule of the table.

    Values are spread over what the rules allow. Raises InfeasibleError where no row, or not as
    many, were found, saying how many.
    """
    deadline = Deadline(budget_s)
    rng = np.random.default_rng(seed)
    whole = _Whole(table, deadline, rng)
    if whole.inquiry.can().verdict == "no":
        names = listed([c.title for c in whole.inquiry.because()])
        raise InfeasibleError(f"no row of table {table.name!r} can keep its rules: {names}")
    sampler = Sampler(table, rng, literals=whole.literals, budget_s=deadline.left_ms() / 1000)
    drawn = sampler.draw(n)
    rows: list[Values] = [decoded(cells_of(table, drawn, k), table) for k in range(len(drawn))]
    rows = [r for r in rows if not broken_rules(table, r)]
    if len(rows) < n:
        rows = whole.more(rows, n)
    if len(rows) < n:
        raise InfeasibleError(
            f"found {len(rows):,} of {n:,} rows of table {table.name!r} that keep its rules; "
            "ask for fewer, or give more time"
        )
    return rows


def breaking(table: nodes.Table, *, seed: int = 0, budget_s: float = 10.0) -> list[Breaking]:
    """Return for each rule a row that breaks only that rule, or why there is none."""
    whole = _Whole(table, Deadline(budget_s), np.random.default_rng(seed))
    whole.provide()
    out = []
    for rule in table.rules:
        if isinstance(rule, nodes.RowRule) and rule in table.row_rules:
            out.append(whole.breaking_row(rule))
        elif isinstance(rule, nodes.UniqueRule) and rule in table.unique_rules:
            out.append(whole.twins(rule))
        else:
            out.append(Breaking(rule.name, reason="not decided: it is soft, or about several rows"))
    return out


def both_sides(
    table: nodes.Table, rule: nodes.RowRule, *, seed: int = 0, budget_s: float = 10.0
) -> tuple[Values | None, Breaking]:
    """Return a lawful row that makes a rule of the table TRUE, and one that breaks only that rule.

    Of a rule with a premise the lawful row keeps the premise, so that it shows what the rule asks;
    it is None where no such row was found.
    """
    whole = _Whole(table, Deadline(budget_s), np.random.default_rng(seed))
    whole.provide()
    met: nodes.Condition = rule.condition
    if isinstance(met, nodes.When):
        met = nodes.And((met.premise, met.conclusion))
    wanted = lower(met, table)
    row = whole.inquiry.can(wanted).row
    lawful = None if row is None else whole.lawful(row, wanted)
    return lawful, whole.breaking_row(rule)


def broken_rules(table: nodes.Table, row: Values) -> list[str]:
    """Return the names of the row rules that a row breaks, as the oracle says."""
    return [r.name for r in table.row_rules if evaluate(r.condition, row, table) is False]


def alike(table: nodes.Table, rule: nodes.UniqueRule, one: Values, other: Values) -> bool:
    """Say whether two rows break a unique rule: they agree on its columns, none of them NULL."""
    return all(one[c] is not None and one[c] == other[c] for c in rule.columns)


class _Whole:
    """The inquiry about whole rows of a table."""

    def __init__(self, table: nodes.Table, deadline: Deadline, rng: np.random.Generator) -> None:
        self.table, self.deadline, self._rng = table, deadline, rng
        self.inquiry = Inquiry(table, rule_claims(table, table.row_rules), deadline)
        self.literals = {
            c.name: self._named(c.name, c.type)
            for c in table.columns
            if isinstance(c.type, TextType)
        }
        self.donors: list[Row] = []

    def _named(self, column: str, kind: TextType) -> list[str]:
        """Return strings for what rules say of a text column: those named, and some per pattern."""
        found = dict.fromkeys(self.inquiry.strings_of(column))
        source = Strings(kind.pattern, kind.max_length)
        drawn = [t for t in (source.draw(self._rng) for _ in range(DRAWN)) if t is not None]
        for fact, _ in text_facts(self.inquiry.backend, column):
            if isinstance(fact, core.TextMatch) and fact.pattern != kind.pattern:
                row = self.inquiry.can(fact).row
                one = None if row is None else row[column]
                found |= dict.fromkeys([one] if isinstance(one, str) else [])
                fits = [t for t in drawn if fact_value(fact, t)]
                found |= dict.fromkeys(fits[:PER_PATTERN])
        return [t for t in found if source.has(t)]

    def provide(self) -> None:
        """Draw lawful rows to take values from, where there are any."""
        if self.inquiry.can().verdict == "yes":
            left = self.deadline.left_ms() / 2000
            sampler = Sampler(self.table, self._rng, literals=self.literals, budget_s=left)
            drawn = sampler.draw(DONORS)
            self.donors = [cells_of(self.table, drawn, k) for k in range(len(drawn))]

    def more(self, rows: list[Values], n: int) -> list[Values]:
        """Add rows that the solver finds, stirred, until there are ``n`` or the time is spent."""
        rows = list(rows)
        start = self.inquiry.can()
        for _ in range(n * MAX_ASKED):
            if start.row is None or len(rows) >= n or self.deadline.spent():
                break
            made = decoded(self._stirred(start.row, ANY_ROW, set()), self.table)
            fresh = not any(
                alike(self.table, u, made, r) for u in self.table.unique_rules for r in rows
            )
            if fresh and not broken_rules(self.table, made):
                rows.append(made)
        return rows

    def lawful(self, row: Row, wanted: core.Cond) -> Values | None:
        """Return a row that keeps all rules and makes a condition TRUE, drawn from one such row."""
        values = decoded(self._stirred(row, wanted, set()), self.table)
        return None if broken_rules(self.table, values) else values

    def breaking_row(self, rule: nodes.RowRule) -> Breaking:
        """Return a row that breaks ``rule`` alone."""
        k = self.table.row_rules.index(rule)
        wanted = broken(self.inquiry.claims[k].condition)
        answer = self.inquiry.can(wanted, {k})
        if answer.row is None:
            return Breaking(rule.name, reason=self._reason(answer, wanted, k))
        values = decoded(self._stirred(answer.row, wanted, {k}), self.table)
        if broken_rules(self.table, values) != [rule.name]:
            return Breaking(rule.name, reason="not decided: the row found did not stand the check")
        return Breaking(rule.name, (values,))

    def _reason(self, answer: Answer, wanted: core.Cond, k: int) -> str:
        if answer.verdict == "open":
            return f"not decided: {answer.reason}"
        reasons = self.inquiry.because(wanted)
        rules = [r.title for r in reasons if r.is_rule]
        if not rules:
            names = listed([r.title for r in reasons])
            return "cannot be broken: it is always true" + (f" because of {names}" if names else "")
        one = "" if len(rules) == 1 else "at least one of "
        return (
            f"cannot be broken alone: every row that breaks it breaks {one}{listed(rules)} as well"
        )

    def twins(self, rule: nodes.UniqueRule) -> Breaking:
        """Return two lawful rows that break ``rule`` and no other key or unique rule."""
        others = [u for u in self.table.unique_rules if u != rule]
        inside = next((u for u in others if set(u.columns) <= set(rule.columns)), None)
        if inside is not None:
            return Breaking(
                rule.name,
                reason=f"cannot be broken alone: rows that break it break {inside.name} as well",
            )
        pair = twins(self.inquiry, rule, others, lambda r, w: self._stirred(r, w, set()))
        if isinstance(pair, Answer):
            return Breaking(rule.name, reason=_why_not(pair, rule))
        one, other = pair
        return self._checked_twins(
            rule, others, decoded(one, self.table), decoded(other, self.table)
        )

    def _checked_twins(
        self, rule: nodes.UniqueRule, others: list[nodes.UniqueRule], one: Values, other: Values
    ) -> Breaking:
        lawful = not broken_rules(self.table, one) and not broken_rules(self.table, other)
        apart = not any(alike(self.table, u, one, other) for u in others)
        if lawful and apart and alike(self.table, rule, one, other):
            return Breaking(rule.name, (one, other))
        return Breaking(rule.name, reason="not decided: the rows found did not stand the check")

    def _stirred(self, row: Row, wanted: core.Cond, without: set[int]) -> Row:
        claims = [c for k, c in enumerate(self.inquiry.claims) if k not in without]
        picked = self._rng.permutation(len(self.donors))[:DONATIONS]
        return stir(
            self.table,
            row,
            wanted,
            claims,
            self._rng,
            literals=self.literals,
            donors=[self.donors[k] for k in picked],
        )


def _why_not(answer: Answer, rule: nodes.UniqueRule) -> str:
    if answer.verdict == "open":
        return f"not decided: {answer.reason}"
    names = ", ".join(write_name(c) for c in rule.columns)
    return f"cannot be broken: no lawful row has a value in every one of {names}"
