"""Hints in the rules language: what stands after ``~``, both ways."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from difflib import get_close_matches

from lark import Token, Tree

from synthtab.hints import (
    Exponential,
    Hint,
    Like,
    Lognormal,
    Normal,
    Poisson,
    Shape,
    Uniform,
    Weights,
)
from synthtab.ir import nodes
from synthtab.ir.hints import kinds_near
from synthtab.ir.relations import percent
from synthtab.lang.ruletree import read_number
from synthtab.lang.write import format_value
from synthtab.schema import Value

LIKE = "like_"
_SECONDS = {"week": 604_800, "day": 86_400, "hour": 3_600, "minute": 60, "second": 1}
_LONGEST = 10**12  # seconds: more than all the years there are
_SHAPES = {
    "uniform": "uniform",
    "normal": "normal(52_000, 18_000)",
    "lognormal": "lognormal(52_000, 18_000)",
    "exponential": "exponential(30)",
    "poisson": "poisson(2.5)",
    "weights": "weights('a': 3, 'b': 1)",
}


class HintError(ValueError):
    """A hint cannot be read; ``code`` and ``help`` are those of the finding."""

    def __init__(self, code: str, message: str, help_: str) -> None:
        super().__init__(message)
        self.code, self.help = code, help_


def read_shape(name: str, arguments: Sequence[Tree[Token]]) -> Shape:
    """Return the shape of a name and its arguments as parsed. Raises HintError."""
    if name.startswith(LIKE):
        if arguments:
            raise HintError("E262", f"`{name}` takes nothing in brackets", f"write `~ {name}`")
        return Like(name.removeprefix(LIKE))
    if name not in _SHAPES:
        raise _unknown(name)
    if name == "weights":
        return Weights(tuple(_weight(a) for a in arguments)) if arguments else _wrong(name)
    given = [_argument(name, a) for a in arguments]
    match name, given:
        case "uniform", []:
            return Uniform()
        case "normal", [Decimal() as mean, Decimal() as spread]:
            return Normal(mean, spread)
        case "normal", [date() as mean, timedelta() as length]:
            return Normal(mean, length)
        case "lognormal", [Decimal() as mean, Decimal() as spread]:
            return Lognormal(mean, spread)
        case "exponential", [Decimal() as mean]:
            return Exponential(mean)
        case "poisson", [Decimal() as mean]:
            return Poisson(mean)
    return _wrong(name)


def _unknown(name: str) -> HintError:
    words = [*_SHAPES, *(LIKE + k for k in ("name", "email", "city"))]
    near = get_close_matches(name, words, 1)
    known = f"shapes are {', '.join(_SHAPES)}; texts are like_name, like_email, like_city ..."
    help_ = f"did you mean `{near[0]}`? {known}" if near else known
    if not near and kinds_near(name).startswith("did"):
        help_ = kinds_near(name)
    return HintError("E260", f"`{name}` says nothing of what values look like", help_)


def _wrong(name: str) -> Shape:
    moment = ", or normal(2020-06-30, 90 days) for dates" if name == "normal" else ""
    raise HintError(
        "E262", f"`{name}` has the wrong numbers in brackets", f"write {_SHAPES[name]}{moment}"
    )


def _argument(name: str, tree: Tree[Token]) -> object:
    literal, *rest = tree.children
    assert isinstance(literal, nodes.Literal)
    value: Value = literal.value
    if tree.data == "weighed_argument":
        return _wrong(name)
    if tree.data == "timed_argument":
        return _length_of(value, str(rest[0]))
    return Decimal(value) if type(value) is int else value


def _length_of(value: Value, word: str) -> timedelta:
    unit = word.removesuffix("s")
    if unit in _SECONDS and isinstance(value, int | Decimal) and not isinstance(value, bool):
        seconds = Decimal(value) * _SECONDS[unit]
        if seconds == int(seconds) and abs(seconds) < _LONGEST:
            return timedelta(seconds=int(seconds))
    raise HintError(
        "E262",
        f"a spread of {format_value(value)} {word} is no length of time to count with",
        "write whole seconds, minutes, hours, days or weeks; months are not all of one length",
    )


def _weight(tree: Tree[Token]) -> tuple[str | bool, Decimal]:
    literal, *rest = tree.children
    assert isinstance(literal, nodes.Literal)
    if tree.data != "weighed_argument" or not isinstance(literal.value, str | bool):
        _wrong("weights")
    assert isinstance(literal.value, str | bool)
    return literal.value, Decimal(read_number(str(rest[0])))


def write_hint(hint: Hint | None) -> list[str]:
    """Return a hint as the modifiers of a column, each with its ``~``."""
    if hint is None:
        return []
    out = [] if hint.shape is None else [f"~ {_shape(hint.shape)}"]
    return out if hint.nulls is None else [*out, f"~ null {percent(hint.nulls)}"]


def _shape(shape: Shape) -> str:
    match shape:
        case Like(kind):
            return LIKE + kind
        case Weights(pairs):
            return f"weights({', '.join(f'{format_value(v)}: {_number(w)}' for v, w in pairs)})"
        case Uniform():
            return "uniform"
        case Normal(mean, spread):
            middle = _number(mean) if isinstance(mean, Decimal) else format_value(mean)
            width = _number(spread) if isinstance(spread, Decimal) else _length(spread)
            return f"normal({middle}, {width})"
        case Lognormal(mean, spread):
            return f"lognormal({_number(mean)}, {_number(spread)})"
        case Exponential(mean):
            return f"exponential({_number(mean)})"
        case Poisson(mean):
            return f"poisson({_number(mean)})"


def _number(number: Decimal) -> str:
    """Write a number without zeros after its last digit that counts; nothing is rounded."""
    text = format(number, "f")
    return format_value(Decimal(text.rstrip("0").rstrip(".") if "." in text else text))


def _length(length: timedelta) -> str:
    seconds = length.days * 86_400 + length.seconds
    for unit in ("day", "hour", "minute"):
        if seconds % _SECONDS[unit] == 0:
            return f"{format_value(seconds // _SECONDS[unit])} {unit}s"
    return f"{format_value(seconds)} seconds"
