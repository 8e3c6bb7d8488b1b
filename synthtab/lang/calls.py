"""The functions of the language: their names, how many arguments, the node they make."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import cast, get_args

from synthtab.diagnostics import Span
from synthtab.ir import nodes

_ALIASES = {
    "least": "min",
    "minimum": "min",
    "greatest": "max",
    "maximum": "max",
    "len": "length",
    "char_length": "length",
    "ifnull": "coalesce",
    "nvl": "coalesce",
    "dayofweek": "weekday",
    "isnull": "x is null",
    "if": "case when ... then ... else ... end",
}
_LATER = ("count", "sum", "avg", "previous")
PARTS = get_args(nodes.Part)
FUNCTIONS = ("min", "max", "abs", "coalesce", "length", *PARTS)


def call_node(
    name: str,
    args: tuple[nodes.Term, ...],
    span: Span | None,
    report: Callable[[str, str, Span | None, str | None], None],
) -> nodes.Term:
    """Return the node of ``name(args)``; an unknown name or a wrong count of arguments is reported.

    ``min``, ``max`` and ``coalesce`` take two or more, which the type checker sees to.
    """
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


def _help(name: str) -> str:
    if name.lower() in _LATER:
        return f"`{name}` over several rows is not supported yet; a rule is about one row"
    near = _ALIASES.get(name.lower()) or next(
        iter(difflib.get_close_matches(name.lower(), FUNCTIONS, 1)), None
    )
    return f"did you mean `{near}`?" if near else f"the functions are {', '.join(FUNCTIONS)}"
