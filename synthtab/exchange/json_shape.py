"""Whether a JSON schema is built as one: each keyword with the kind of value it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from synthtab.errors import UsageError
from synthtab.exchange.json_document import json_type, shown

_SCHEMA = frozenset({"not", "if", "then", "else", "items", "contains"})
_LISTED = frozenset({"allOf", "anyOf", "oneOf"})
_NAMED = frozenset({"properties", "patternProperties", "dependentSchemas", "$defs", "definitions"})


def _is_number(value: Any) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return _is_number(value) and json_type(value) == "integer" and value >= 0


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


_Test = Callable[[Any], bool]
_COUNT: tuple[_Test, str] = (_is_count, "a whole number from 0 on")
_NUMBER: tuple[_Test, str] = (_is_number, "a number")
_TEXT: tuple[_Test, str] = (lambda v: isinstance(v, str), "a text")
_KEYWORDS: dict[str, tuple[_Test, str]] = {
    "$ref": _TEXT,
    "$anchor": _TEXT,
    "pattern": _TEXT,
    "format": _TEXT,
    "minimum": _NUMBER,
    "maximum": _NUMBER,
    "exclusiveMinimum": (lambda v: _is_number(v) or isinstance(v, bool), "a number"),
    "exclusiveMaximum": (lambda v: _is_number(v) or isinstance(v, bool), "a number"),
    "multipleOf": (lambda v: _is_number(v) and v > 0, "a number above 0"),
    "minLength": _COUNT,
    "maxLength": _COUNT,
    "enum": (lambda v: isinstance(v, list), "a list of values"),
    "required": (_is_names, "a list of names"),
    "dependentRequired": (
        lambda v: isinstance(v, dict) and all(map(_is_names, v.values())),
        "an object of lists of names",
    ),
}


def check_shape(schema: Any, name: str) -> None:
    """Raise UsageError, with the place and the value, at the first keyword that is malformed."""
    waiting: list[tuple[str, Any]] = [("#", schema)]
    while waiting:
        place, value = waiting.pop()
        if isinstance(value, bool):
            continue
        if not isinstance(value, dict):
            wanted = "a schema (an object, true or false)"
            raise UsageError(f"{name} is no JSON schema: {place} is {shown(value)}, not {wanted}")
        for word, inner in value.items():
            test, wanted = _KEYWORDS.get(word, (None, ""))
            if test is not None and not test(inner):
                raise UsageError(
                    f"{name} is no JSON schema: {place}/{word} is {shown(inner)}, not {wanted}"
                )
            waiting += _below(f"{place}/{word}", word, inner, name)


def _below(place: str, word: str, value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield the schemas under a keyword, with their places."""
    if word in _SCHEMA and not (word == "items" and isinstance(value, list)):
        yield place, value
    elif word in _LISTED or word == "items":
        if not isinstance(value, list):
            wanted = "a list of schemas"
            raise UsageError(f"{name} is no JSON schema: {place} is {shown(value)}, not {wanted}")
        yield from ((f"{place}/{at}", each) for at, each in enumerate(value))
    elif word in _NAMED or word == "dependencies":
        if not isinstance(value, dict):
            wanted = "an object of schemas"
            raise UsageError(f"{name} is no JSON schema: {place} is {shown(value)}, not {wanted}")
        for key, each in value.items():
            if not (word == "dependencies" and _is_names(each)):
                yield f"{place}/{key}", each
