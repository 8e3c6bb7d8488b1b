"""Tables, a clock and a count of tokens, for what is measured of language models."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from bench.registry import entry, load
from synthtab.batch import Batch
from synthtab.generate.language import copies, session, tables, walk
from synthtab.generate.language.generator import LanguageGenerator
from synthtab.generate.language.loading import Base
from synthtab.ir import nodes
from synthtab.lang.model import Model
from synthtab.learnable import enforced, seen
from synthtab.solver.plan import Plan
from synthtab.solver.project import compile_plan

NOTES = """
table note {
  number  integer in 0 .. 9_999
  title   text(20) optional
  code    text(8) matching /[A-Z]{2}-[0-9]{3,5}/
  text    text(60)
  rule titled: title is null iff number < 5000
}
"""


@dataclass(frozen=True)
class Case:
    """A table, its Plan, and rows of it where there are any."""

    name: str
    table: nodes.Table
    plan: Plan
    rows: Batch | None

    def generator(self, base: Base) -> LanguageGenerator:
        """Return a generator that knows nothing."""
        return LanguageGenerator.of(
            base, self.table.columns, self.plan.order, self.plan.domains, self.rows
        )


def cases() -> Iterator[Case]:
    """Yield Adult, the loans of the Czech bank, a table of 60 columns, and one of texts."""
    for name in ("adult", "berka_loan"):
        loaded = load(entry(name), 0, most=4_000)
        table = enforced(loaded.table)
        domains, sizes = seen(table, loaded.train)
        plan = compile_plan(table, domains=domains, sizes=sizes)
        yield Case(name, table, plan, loaded.train)
    for name, rules in (("60 columns", wide()), ("free text", NOTES)):
        table = enforced(Model.parse(rules).table())
        yield Case(name, table, compile_plan(table), None)


def wide(groups: int = 20) -> str:
    """Return the rules of a table of three columns a group, with a rule between any two of them."""
    lines = []
    for k in range(groups):
        lines += [
            f"  low_{k}   integer in 0 .. 999",
            f"  high_{k}  integer in 0 .. 99_999",
            f"  kind_{k}  enum('narrow', 'wide', 'none')",
            f"  rule order_{k}: high_{k} >= low_{k}",
            f"  rule kind_{k}: kind_{k} = 'narrow' iff high_{k} - low_{k} between 1 and 99",
            f"  rule none_{k}: kind_{k} = 'none' iff high_{k} = low_{k}",
        ]
    return "table wide {\n" + "\n".join(lines) + "\n}\n"


@dataclass
class Clock:
    """Time (s) by what it was spent on: of this process, or as another clock (``now``) has it."""

    spent: dict[str, float] = field(default_factory=dict)
    now: Callable[[], float] = time.process_time
    _running: set[str] = field(default_factory=set)

    def counts(self, name: str) -> bool:
        """Say whether time is being counted under a name just now."""
        return name in self._running

    @contextmanager
    def of(self, owner: Any, **names: str) -> Iterator[None]:
        """Count the time spent in functions of a class or a module under names."""
        before = {function: getattr(owner, function) for function in names}
        for function, name in names.items():
            setattr(owner, function, self._timed(before[function], name))
        try:
            yield
        finally:
            for function, kept in before.items():
                setattr(owner, function, kept)

    def _timed(self, function: Any, name: str) -> Any:
        def timed(*given: Any, **named: Any) -> Any:
            if name in self._running:  # within another that is counted already
                return function(*given, **named)
            self._running.add(name)
            started = self.now()
            try:
                return function(*given, **named)
            finally:
                self._running.remove(name)
                self.spent[name] = self.spent.get(name, 0.0) + self.now() - started

        return timed


@dataclass
class Reading:
    """How many tokens networks have read, those they wrote themselves included."""

    tokens: int = 0


@contextmanager
def tokens_read(count: Reading) -> Iterator[None]:
    """Count the tokens that networks read while rows are written; a shared prompt is read once.

    Where rows are read anew for each token, all that is read anew counts.
    """
    shared, kept, anew = session.Shared.feed, session.Kept.feed, session.Anew._logits
    begin = walk.begin

    def begun(base: Base, prompt: Any, way: session.Way) -> Any:
        if way == "shared":  # the others feed it as they do all tokens
            count.tokens += len(prompt)
        return begin(base, prompt, way)

    def counting(feed: Any) -> Any:
        def counted(own: Any, tokens: Any, real: Any) -> Any:
            count.tokens += int(real.sum())
            return feed(own, tokens, real)

        return counted

    def logits(own: session.Anew, rows: Any) -> Any:
        count.tokens += sum(map(len, rows))
        return anew(own, rows)

    walk.begin = begun
    session.Shared.feed, session.Kept.feed = counting(shared), counting(kept)  # type: ignore[method-assign]
    session.Anew._logits = logits  # type: ignore[method-assign]
    try:
        yield
    finally:
        walk.begin = begin
        session.Shared.feed, session.Kept.feed = shared, kept  # type: ignore[method-assign]
        session.Anew._logits = anew  # type: ignore[method-assign]


@contextmanager
def timers(clock: Clock) -> Iterator[None]:
    """Count the time of masks and of the forward pass while rows are written."""
    with (
        clock.of(session.Shared, feed="forward"),
        clock.of(session.Kept, feed="forward"),
        clock.of(tables.TokenTable, blocks="masks"),
        clock.of(tables.Entries, take="masks"),
        clock.of(walk, allowed="masks", narrower="masks"),
        clock.of(copies.Copies, without="masks"),
        clock.of(walk.Walk, _feasible="masks"),
    ):
        yield
