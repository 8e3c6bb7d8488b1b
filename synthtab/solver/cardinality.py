"""How many rows tables can have beside each other: what references and figures leave room for.

If every line belongs to a bill and a bill has at most five of them, ten bills have at most fifty
lines. The most and the least come from the solver's bounds of ``count() per bill_id`` in the one
table and ``count(of line)`` in the other, whatever rules or keys they follow from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from synthtab.diagnostics import Diagnostic, Source
from synthtab.ir import core, nodes
from synthtab.ir.context import Definition
from synthtab.ir.references import Tables, references
from synthtab.solver import reach, report
from synthtab.solver.inquiry import Answer, Claim, Inquiry
from synthtab.solver.steps import step_of

# Limits above this say nothing about tables that anyone asks for.
MOST = 10**12


@dataclass(frozen=True)
class Link:
    """A hard reference, and the terms that count a parent's rows: in the child, in the parent."""

    child: nodes.Table
    parent: nodes.Table
    step: nodes.ReferenceRule
    here: nodes.Aggregate
    there: nodes.Aggregate | None


@dataclass(frozen=True)
class Limit:
    """A number of rows for each row of a parent, and why."""

    rows: int
    reasons: tuple[Claim, ...]


def links(tables: Tables) -> list[Link]:
    """Return the references between different tables that hold in every row."""
    found = []
    for child in tables.values():
        for step in references(child):
            parent = tables.get(step.parent)
            if parent is None or parent.name == child.name or step.share is not None:
                continue
            word = step_of(step, child)
            here = nodes.Aggregate("count", per=step.columns)
            there = None if word is None else nodes.Aggregate("count", of=child.name, via=word)
            found.append(Link(child, parent, step, here, there))
    return found


def counted(table: nodes.Table, some: Sequence[Link]) -> list[Definition]:
    """Return the context terms a table needs for :func:`misfits`."""
    here: list[Definition] = [k.here for k in some if k.child.name == table.name]
    return here + [k.there for k in some if k.parent.name == table.name and k.there is not None]


def misfits(
    rows: Mapping[str, int],
    tables: Tables,
    some: Sequence[Link],
    inquiries: Mapping[str, Sequence[Inquiry]],
    terms: Mapping[str, Mapping[Definition, str]],
    source: Source | None,
) -> Iterator[Diagnostic]:
    """Yield a finding for each table that cannot have so many rows, or so few, beside the others.

    ``rows`` gives the numbers asked for; a table that is not in it may have any number.
    """

    def limit(table: str, term: Definition | None, *, most: bool) -> Limit | None:
        return _limit(inquiries[table], terms[table].get(term), most=most) if term else None

    for table in tables.values():
        everything = nodes.Aggregate("count")
        for most in (True, False):
            found = limit(table.name, everything, most=most)
            asked = rows.get(table.name, 0)
            if asked and found and (asked > found.rows if most else asked < found.rows):
                yield report.not_so_many(table, asked, found.rows, found.reasons, source, most=most)
    upper: dict[str, int] = dict(rows)
    least = {k: limit(k.parent.name, k.there, most=False) for k in some}
    most_ = {}
    for one in some:
        here = limit(one.child.name, one.here, most=True)
        there = limit(one.parent.name, one.there, most=True)
        # Rows that refer to nothing can be as many as one likes.
        most_[one] = _smaller(here, there) if _is_followed(one) else None
    for _ in tables:
        for one in some:
            each, above = most_[one], upper.get(one.parent.name)
            if each is not None and above is not None and one.child.name not in rows:
                room = each.rows * above
                upper[one.child.name] = min(room, upper.get(one.child.name, room))
    for one in some:
        wanted, each, above = rows.get(one.child.name), most_[one], upper.get(one.parent.name)
        if wanted and each and above is not None and wanted > each.rows * above:
            yield report.too_many_children(
                one.child, one.parent, one.step, wanted, above, each.rows, each.reasons, source
            )
        needed = least[one]
        parents = rows.get(one.parent.name)
        if wanted is not None and parents and needed and wanted < needed.rows * parents:
            yield report.too_few_children(
                one.child, one.parent, wanted, parents, needed.rows, needed.reasons, source
            )


def _is_followed(one: Link) -> bool:
    """Say whether every row of the child has a parent."""
    return not any(one.child.column(c).optional for c in one.step.columns)


def _smaller(one: Limit | None, other: Limit | None) -> Limit | None:
    known = [limit for limit in (one, other) if limit is not None]
    return min(known, key=lambda limit: limit.rows) if known else None


def _limit(inquiries: Sequence[Inquiry], column: str | None, *, most: bool) -> Limit | None:
    """Return the most, or the least, that a hidden count can be; None where nothing limits it."""
    inquiry = next((i for i in inquiries if column in i.table.column_names), None)
    if column is None or inquiry is None:
        return None
    beyond: Callable[[str, int], core.Cond] = reach.at_least if most else reach.at_most
    # One question settles most columns: whether there is a limit at all.
    if inquiry.can(beyond(column, MOST if most else 0)).verdict != "no":
        return None
    end = (reach.greatest if most else reach.least)(inquiry, column)
    if isinstance(end, Answer) or not end.decided:
        return None
    wanted = beyond(column, end.sure + (1 if most else -1))
    if inquiry.can(wanted).verdict != "no":
        return None
    return Limit(end.sure, tuple(inquiry.because(wanted)))
