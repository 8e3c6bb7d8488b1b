"""The functions of the language: their names, what they take, the node they make."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, fields
from typing import Any, cast, get_args

from synthtab.diagnostics import Span
from synthtab.ir import nodes
from synthtab.lang.measure import CountedFrom, Report, counted

_ALIASES = {
    "least": "min",
    "minimum": "min",
    "greatest": "max",
    "maximum": "max",
    "mean": "avg",
    "average": "avg",
    "total": "sum",
    "lag": "previous",
    "len": "length",
    "char_length": "length",
    "ifnull": "coalesce",
    "nvl": "coalesce",
    "dayofweek": "weekday",
    "isnull": "x is null",
    "if": "case when ... then ... else ... end",
}
PARTS = get_args(nodes.Part)
AGGREGATES = ("count", "sum", "avg", "min", "max")
SEQUENCES = ("previous", "increasing", "non_decreasing", "gap_free")
FUNCTIONS = ("min", "max", "abs", "coalesce", "length", *PARTS, *AGGREGATES[:3], *SEQUENCES)


@dataclass(frozen=True)
class Clauses:
    """What stands in a call beside its arguments; the fields are named as the words are."""

    distinct: bool = False
    of: str | None = None
    via: str | None = None
    where: nodes.Condition | None = None
    per: tuple[str, ...] | None = None
    ordered_by: tuple[str, ...] | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """The clauses that are there."""
        there = (f.name for f in fields(self) if getattr(self, f.name) not in (False, None))
        return tuple(name.replace("_", " ") for name in there)


def call_node(
    name: str,
    args: tuple[nodes.Term, ...],
    clauses: Clauses,
    span: Span | None,
    report: Report,
) -> nodes.Node:
    """Return the node of ``name(args)``; an unknown name or a wrong count of arguments is reported.

    ``min`` and ``max`` of one value are over rows. ``coalesce`` takes two or more, which the type
    checker sees to.
    """
    over_rows = name in ("min", "max") and (len(args) < 2 or clauses != Clauses())
    if name in AGGREGATES[:3] or over_rows:
        return _aggregate(name, args, clauses, span, report)
    if name in SEQUENCES:
        return _sequence(name, args, clauses, span, report)
    for word in clauses.words:
        report("E246", f"`{word}` does not go with `{name}`", span, _fitting(word))
    match name:
        case "min":
            return nodes.Minimum(args, span=span)
        case "max":
            return nodes.Maximum(args, span=span)
        case "coalesce":
            return nodes.Coalesce(args, span=span)
    known = name in FUNCTIONS
    if not known:
        report("E202", f"there is no function `{name}`", span, _help(name))
    elif len(args) != 1:
        report("E218", f"`{name}` takes one value, not {len(args)}", span, f"write `{name}(x)`")
    if not known or not args:
        return nodes.Literal(0, span=span)
    if name == "abs":
        return nodes.Absolute(args[0], span=span)
    if name == "length":
        return nodes.Length(args[0], span=span)
    return nodes.DatePart(cast(nodes.Part, name), args[0], span=span)


def _aggregate(
    name: str, args: tuple[nodes.Term, ...], clauses: Clauses, span: Span | None, report: Report
) -> nodes.Node:
    if clauses.ordered_by is not None:
        report("E246", f"`ordered by` does not go with `{name}`", span, _fitting("ordered by"))
    if len(args) > 1:
        help_ = f"write `{name}(x) per group`"
        report("E218", f"`{name}` over rows takes one value, not {len(args)}", span, help_)
    return nodes.Aggregate(
        cast(Any, name),
        args[0] if args else None,
        clauses.distinct,
        clauses.where,
        clauses.of,
        clauses.per or (),
        clauses.via,
        span=span,
    )


def _sequence(
    name: str, args: tuple[nodes.Term, ...], clauses: Clauses, span: Span | None, report: Report
) -> nodes.Node:
    per, order = clauses.per or (), clauses.ordered_by or ()
    allowed = ("per",) if name == "gap_free" else ("per", "ordered by")
    for word in clauses.words:
        if word not in allowed:
            report("E246", f"`{word}` does not go with `{name}`", span, _fitting(word))
    most = 2 if name in ("previous", "gap_free") else 1
    if not 1 <= len(args) <= most:
        shown = f"{name}(x, start)" if most == 2 else f"{name}(x)"
        takes = "one value" if most == 1 else "a value and the one to start with"
        report("E218", f"`{name}` takes {takes}, not {len(args)}", span, f"write `{shown}`")
        if not args:
            return nodes.Literal(0, span=span)
    if name == "previous":
        start = args[1] if len(args) > 1 else None
        return nodes.Previous(args[0], start, per, order, span=span)
    if name == "gap_free":
        if len(args) > 1 and isinstance(args[1], nodes.ColumnRef):
            return cast(nodes.Node, CountedFrom(args[0], args[1], per, span=span))
        return counted(args[0], args[1] if len(args) > 1 else nodes.Literal(1), per, span, report)
    return nodes.Increasing(args[0], name == "increasing", per, order, span=span)


def _fitting(word: str) -> str:
    functions = {"ordered by": SEQUENCES[:3], "per": (*AGGREGATES, *SEQUENCES)}
    names = functions.get(word, AGGREGATES if word != "distinct" else AGGREGATES[:1])
    return f"`{word}` goes with {', '.join(names)}"


def _help(name: str) -> str:
    near = _ALIASES.get(name.lower()) or next(
        iter(difflib.get_close_matches(name.lower(), FUNCTIONS, 1)), None
    )
    return f"did you mean `{near}`?" if near else f"the functions are {', '.join(FUNCTIONS)}"
