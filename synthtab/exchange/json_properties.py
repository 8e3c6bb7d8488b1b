"""A property of a JSON schema as a column: its facts, and what is left to be said by rules."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from synthtab.exchange.facts import Bound, Facts, Kind, declared
from synthtab.exchange.foreign_patterns import Fit, InexpressibleError, translated
from synthtab.exchange.imported import Note
from synthtab.exchange.json_claims import ANNOTATIONS, Field, moment
from synthtab.exchange.json_document import Document, Schema, json_type, members, shown
from synthtab.ir import nodes
from synthtab.schema import INT64_MAX, Column, Value

_MOST_MULTIPLES = 256
_CONSUMED = frozenset(
    {
        *("type", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        *("enum", "const", "pattern", "minLength", "maxLength", "then", "else"),
    }
)
_JOINING = frozenset({"anyOf", "oneOf", "not", "if"})
_KINDS: dict[str, Kind] = {
    "integer": "integer", "number": "decimal", "string": "text", "boolean": "boolean",
}  # fmt: skip
_FORMATS: dict[str, Kind] = {"date": "date", "date-time": "datetime"}


@dataclass(frozen=True)
class Property:
    """A column, its rules, and the parts of its schema that are for claims to say."""

    field: Field
    rules: tuple[nodes.RowRule, ...]
    left: tuple[tuple[str, Mapping[str, Any]], ...]
    notes: tuple[Note, ...]


def read_property(
    document: Document, table: str, name: str, schema: Schema, required: bool
) -> Property | None:
    """Return a property as a column; None where it is a list or an object of its own."""
    work = _Work(document, f"{table}.{name}", schema)
    kind = work.kind()
    if kind is None:
        return None
    null = document.admits_null(schema)
    facts = replace(work.facts(kind), optional=null or not required)
    made = declared(table, name, facts)
    notes = (*work.notes, *made.notes)
    return Property(Field(made.column, null), made.rules, tuple(work.left), notes)


def plain_column(document: Document, name: str, schema: Schema) -> Column | None:
    """Return a column that has nothing but the type a schema speaks of."""
    kind = _Work(document, name, schema).kind(guess=False)
    return None if kind is None else declared("", name, Facts(kind, optional=True)).column


class _Work:
    """One property on its way."""

    def __init__(self, document: Document, where: str, schema: Schema) -> None:
        self.document = document
        self.where = where
        self.schema = schema
        self.notes: list[Note] = []
        self.left: list[tuple[str, Mapping[str, Any]]] = []
        self.parts = self.unfolded(schema)

    def note(self, what: str, reason: str) -> None:
        self.notes.append(Note(self.where, what, reason))

    def unfolded(self, schema: Schema) -> list[Mapping[str, Any]]:
        """Return the parts, "this or null" replaced by this, one-value alternatives by a list."""
        out: list[Mapping[str, Any]] = []
        for part in self.document.parts(schema):
            rest = dict(part)
            for word in ("anyOf", "oneOf"):
                if word not in part:
                    continue
                listed = members(part, word, self.document.name)
                real = [m for m in listed if not self.document.only_null(m)]
                values = [_values(m) for m in real]
                if len(real) == 1:
                    out += self.unfolded(real[0])
                elif real and all(v is not None for v in values):
                    out.append({"enum": [v for each in values for v in each or ()]})
                else:
                    continue
                del rest[word]
            out.append(rest)
        return out

    def kind(self, *, guess: bool = True) -> Kind | None:
        """Return what kind of column this is; None for lists and objects."""
        kinds = self.document.kinds(self.schema)
        scalars = kinds & {"integer", "number", "string", "boolean"}
        if not scalars:
            return None
        if kinds >= {"integer", "number", "string", "boolean", "array", "object"}:
            implied = self.document.implied_kind(self.schema)
            if implied in ("array", "object") or (implied is None and not guess):
                return None
            taken = implied or "string"
            self.note("no type", f"it is taken for a {taken}")
            scalars = frozenset({taken})
        if len(scalars - {"integer"} if "number" in scalars else scalars) > 1 or len(
            kinds - scalars
        ):
            self.note(
                f"values of several types ({', '.join(sorted(kinds))})",
                "a column has one type: text is taken",
            )
            return "text"
        found = "number" if "number" in scalars else next(iter(scalars))
        if found == "string":
            formats = (p.get("format") for p in self.parts)
            return next((_FORMATS[f] for f in formats if f in _FORMATS), "text")
        whole = any(_is_whole(p.get("multipleOf")) for p in self.parts)
        return "integer" if whole else _KINDS[found]

    def facts(self, kind: Kind) -> Facts:
        """Return all that the parts say, and keep what claims have to say."""
        facts = Facts(kind)
        for part in self.parts:
            for word, value in part.items():
                try:
                    facts = self.learned(facts, word, value)
                except InexpressibleError as error:
                    self.note(f"{word} {shown(value)}", str(error))
                if word in _JOINING:
                    joined = {w: part[w] for w in ("if", "then", "else") if w in part}
                    self.left.append((word, joined if word == "if" else {word: value}))
                elif not (word in _CONSUMED or word in ANNOTATIONS or word.startswith("x-")):
                    self.note(f"{word} {shown(value)}", "no rule says that")
        return self.stepped(facts)

    def learned(self, facts: Facts, word: str, value: Any) -> Facts:
        """Return the facts with what a keyword adds."""
        number = facts.kind in ("integer", "decimal")
        text = facts.kind == "text"
        match word:
            case "minimum" | "exclusiveMinimum" if number and not isinstance(value, bool):
                bound = Bound(_number(value), word == "exclusiveMinimum")
                return replace(facts, lows=(*facts.lows, bound))
            case "maximum" | "exclusiveMaximum" if number and not isinstance(value, bool):
                bound = Bound(_number(value), word == "exclusiveMaximum")
                return replace(facts, highs=(*facts.highs, bound))
            case "exclusiveMinimum" | "exclusiveMaximum" if number and value:
                raise InexpressibleError("that is how draft 4 wrote it: since then it is a number")
            case "enum" | "const":
                listed = [value] if word == "const" else value
                if not isinstance(listed, list):
                    raise InexpressibleError("it is no list of values")
                return self.listed(facts, [v for v in listed if v is not None])
            case "pattern" if text:
                pattern = translated(str(value), Fit.SOMEWHERE)
                return replace(facts, patterns=(*facts.patterns, pattern))
            case "minLength" if text:
                return replace(facts, least=max(facts.least or 0, int(_number(value))))
            case "maxLength" if text:
                most = int(_number(value))
                return replace(facts, most=most if facts.most is None else min(facts.most, most))
            case "pattern" | "minLength" | "maxLength" if facts.kind in ("date", "datetime"):
                raise InexpressibleError(
                    "the column is a date here, which has no length or pattern"
                )
            case "format" if value not in _FORMATS:
                raise InexpressibleError("the format is not checked here")
            case "format" if value == "date-time":
                raise InexpressibleError("date and time are taken, the time zone is not")
        return facts

    def listed(self, facts: Facts, values: list[Any]) -> Facts:
        read: dict[str, Callable[[str], Value]] = {"date": date.fromisoformat, "datetime": moment}
        found: list[Value] = []
        for value in values:
            try:
                typed = read[facts.kind](value) if facts.kind in read else value
            except (ValueError, TypeError):
                typed = None
            if isinstance(typed, int | Decimal | str | date):
                found.append(typed)
            else:
                self.note(f"the value {shown(value)}", f"it is no {facts.kind}")
        before = facts.options
        kept = found if before is None else [v for v in before if v in found]
        return replace(facts, options=tuple(dict.fromkeys(kept)))

    def stepped(self, facts: Facts) -> Facts:
        """Take in ``multipleOf``: digits after the point, or the list of multiples."""
        steps = [p["multipleOf"] for p in self.parts if "multipleOf" in p]
        if facts.kind not in ("integer", "decimal"):
            return facts
        for value in steps:
            step = value if isinstance(value, int | Decimal) and value else None
            if step is None or step < 0 or isinstance(step, bool):
                self.note(f"multipleOf {shown(value)}", "it is no number above zero")
                continue
            exponent = Decimal(step).normalize().as_tuple().exponent
            scale = max(0, -exponent) if isinstance(exponent, int) else 0
            if facts.kind == "decimal":
                facts = replace(facts, scale=max(facts.scale or 0, scale))
            tick = Decimal(1).scaleb(-(facts.scale or 0) if facts.kind == "decimal" else 0)
            if tick % step == 0:
                continue
            multiples = _multiples(facts, Decimal(step))
            if multiples is None:
                self.note(f"multipleOf {shown(value)}", "there is no remainder in rules")
            else:
                facts = replace(facts, options=multiples)
        return facts


def _values(schema: Schema) -> list[Any] | None:
    """Return the values of a schema that lists them and says nothing else."""
    if not isinstance(schema, Mapping) or set(schema) - ANNOTATIONS - {"const", "enum", "type"}:
        return None
    if "const" in schema:
        return [schema["const"]]
    return schema["enum"] if isinstance(schema.get("enum"), list) else None


def _multiples(facts: Facts, step: Decimal) -> tuple[Value, ...] | None:
    """Return the multiples within the range, None where they are too many to list."""
    if facts.options is not None:
        return tuple(
            v for v in facts.options if isinstance(v, int | Decimal) and Decimal(v) % step == 0
        )
    ends = [
        [Decimal(b.value) for b in bounds if isinstance(b.value, int | Decimal)]
        for bounds in (facts.lows, facts.highs)
    ]
    if not ends[0] or not ends[1]:
        return None
    first = (max(ends[0]) / step).to_integral_value("ROUND_CEILING")
    last = (min(ends[1]) / step).to_integral_value("ROUND_FLOOR")
    if not 0 <= last - first < _MOST_MULTIPLES or abs(last * step) > INT64_MAX:
        return None
    return tuple(step * k for k in range(int(first), int(last) + 1))


def _is_whole(step: Any) -> bool:
    return (
        isinstance(step, int | Decimal)
        and not isinstance(step, bool)
        and step > 0
        and json_type(step if isinstance(step, int) else Decimal(step)) == "integer"
    )


def _number(value: Any) -> int | Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise InexpressibleError("it is not a number")
    return value


def slug(text: str) -> str:
    """Return a name made of a title."""
    return re.sub(r"\W+", "_", text).strip("_").lower()
