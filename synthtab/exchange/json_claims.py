"""What a JSON schema says of a row, as claims (exchange/claims.py).

A row is an object. A NULL is written as null in it where the property's schema admits null, and is
left out otherwise. Format keywords say nothing, as the standard has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from synthtab.exchange.claims import (
    YES,
    Atom,
    Claim,
    Constantly,
    Negation,
    Present,
    every,
    exactly_one,
    implied,
    negation,
    some,
    where_null,
)
from synthtab.exchange.facts import one_of
from synthtab.exchange.foreign_patterns import Fit, InexpressibleError, translated
from synthtab.exchange.json_document import Document, Schema, members, shown, types_of
from synthtab.ir import nodes
from synthtab.schema import (
    BooleanType,
    Column,
    DatetimeType,
    DateType,
    DecimalType,
    EnumType,
    IntegerType,
    TextType,
    Value,
    encode_value,
)

ANNOTATIONS = frozenset(
    {
        *("$schema", "$id", "$anchor", "$comment", "$defs", "definitions", "$vocabulary"),
        *("title", "description", "default", "examples", "example", "deprecated", "readOnly"),
        *("writeOnly", "nullable", "format", "contentEncoding", "contentMediaType"),
    }
)
"""Keywords that allow and refuse nothing."""

_BOUNDS: dict[str, nodes.CompareOp] = {
    "minimum": ">=", "maximum": "<=", "exclusiveMinimum": ">", "exclusiveMaximum": "<",
}  # fmt: skip
_BRANCHES = ("then", "else")


@dataclass(frozen=True)
class Field:
    """A property as a column; ``null_written`` says that its NULL is null, not left out."""

    column: Column
    null_written: bool


@dataclass(frozen=True)
class Claims:
    """Translates the schemas of a document that are about rows with these fields."""

    document: Document
    fields: Mapping[str, Field]

    def row(self, schema: Schema) -> Claim:
        """Return what a schema says of a row. Raises InexpressibleError with the reason."""
        return every(c for part in self.document.parts(schema) for c in self._row_part(part))

    def _row_part(self, part: Mapping[str, Any]) -> Iterator[Claim]:
        for word, value in part.items():
            match word:
                case "type":
                    yield Constantly("object" in types_of(value, self.document.name))
                case "properties":
                    for name, schema in value.items():
                        yield self.property(name, schema)
                case "required":
                    for name in value:
                        yield self._present(name)
                case "dependentRequired":
                    for name, needed in value.items():
                        yield implied(self._present(name), every(map(self._present, needed)))
                case "dependentSchemas":
                    for name, schema in value.items():
                        yield implied(self._present(name), self.row(schema))
                case "dependencies":
                    for name, needed in value.items():
                        listed = {"required": needed} if isinstance(needed, list) else needed
                        yield implied(self._present(name), self.row(listed))
                case _:
                    yield self._combined(word, part, self.row)

    def property(self, name: str, schema: Schema) -> Claim:
        """Return what a schema says of one property."""
        field = self._field(name)
        claim = self.value(schema, field)
        if field.null_written:
            return claim
        if isinstance(claim, Constantly):
            return claim if claim.value else Negation(Present(name))
        return where_null(claim, True)

    def value(self, schema: Schema, field: Field) -> Claim:
        """Return what a schema says of a value that is there (or null, where that is written)."""
        return every(
            c for part in self.document.parts(schema) for c in self._value_part(part, field)
        )

    def _value_part(self, part: Mapping[str, Any], field: Field) -> Iterator[Claim]:
        column = field.column
        for word, value in part.items():
            if word == "type":
                yield self._typed(types_of(value, self.document.name), field)
            elif word in ("const", "enum"):
                yield _listed([value] if word == "const" else value, field)
            elif word in _BOUNDS:
                if isinstance(column.type, IntegerType | DecimalType):
                    yield _bound(column.name, _BOUNDS[word], value)
            elif word in ("minLength", "maxLength", "pattern"):
                yield _textual(word, value, column)
            elif word == "multipleOf":
                yield _multiple(value, column)
            elif word in ("properties", "required", "items") or word.endswith("Items"):
                pass  # about objects and arrays: says nothing of a single value
            else:
                yield self._combined(word, part, lambda s: self.value(s, field))

    def _combined(self, word: str, part: Mapping[str, Any], read: Any) -> Claim:
        """Return the claim of a keyword that joins schemas; ``read`` reads one of those."""
        value = part[word]
        match word:
            case "anyOf":
                return some(map(read, members(part, word, self.document.name)))
            case "oneOf":
                found = exactly_one([read(m) for m in members(part, word, self.document.name)])
                if found is None:
                    raise InexpressibleError(
                        "so many alternatives, of which one holds, make no rule"
                    )
                return found
            case "not":
                return negation(read(value))
            case "if":
                then, otherwise = (read(part.get(branch, True)) for branch in _BRANCHES)
                premise = YES if (then, otherwise) == (YES, YES) else read(value)
                return every([implied(premise, then), implied(negation(premise), otherwise)])
            case _ if word in ANNOTATIONS or word in _BRANCHES or word.startswith("x-"):
                return YES
            case "additionalProperties" | "unevaluatedProperties" if value is True:
                return YES
        raise InexpressibleError(f"no rule says what {word!r} does")

    def _field(self, name: str) -> Field:
        if name not in self.fields:
            raise InexpressibleError(f"there is no column `{name}`")
        return self.fields[name]

    def _present(self, name: str) -> Claim:
        field = self._field(name)
        return YES if field.null_written or not field.column.optional else Present(name)

    def _typed(self, types: frozenset[str], field: Field) -> Claim:
        null = "null" in types
        match field.column.type:
            case IntegerType():
                fits = bool(types & {"integer", "number"})
            case DecimalType(_, scale):
                if scale and "integer" in types and "number" not in types:
                    raise InexpressibleError(
                        f"`{field.column.name}` is a decimal, and no rule tells which are whole"
                    )
                fits = bool(types & {"integer", "number"})
            case BooleanType():
                fits = "boolean" in types
            case _:
                fits = "string" in types
        return _by_presence(field, fits, null)


def _by_presence(field: Field, there: bool, null: bool) -> Claim:
    """Return the claim that is ``there`` of every value and ``null`` of null."""
    if not field.null_written or not field.column.optional or there == null:
        return Constantly(there)
    present = Present(field.column.name)
    return present if there else negation(present)


def typed_value(value: Any, column: Column) -> Value | None:
    """Return plain JSON data as a value of a column, None where it is none of its values."""
    found: Any = value
    try:
        match column.type:
            case IntegerType() | DecimalType() if isinstance(value, Decimal):
                found = int(value) if value == value.to_integral_value() else value
            case DateType() if isinstance(value, str):
                found = date.fromisoformat(value)
            case DatetimeType() if isinstance(value, str):
                found = moment(value)
        if isinstance(column.type, TextType):
            return found if isinstance(found, str) else None
        encode_value(column.type, found)
    except ValueError:
        return None
    assert isinstance(found, int | Decimal | date | str)
    return found


def moment(text: str) -> datetime:
    """Return a date and time without its zone. Raises ValueError where it is none."""
    return datetime.fromisoformat(text).replace(tzinfo=None)


def _listed(values: Any, field: Field) -> Claim:
    if not isinstance(values, list):
        raise InexpressibleError(f"{shown(values)} is no list of values")
    null = None in values
    found = [typed_value(v, field.column) for v in values if v is not None]
    left = tuple(dict.fromkeys(v for v in found if v is not None))
    name = field.column.name
    if isinstance(field.column.type, EnumType) and set(left) == set(field.column.type.values):
        return _by_presence(field, True, null)
    if not left:
        return _by_presence(field, False, null)
    return Atom(name, one_of(name, left), null)


def _bound(name: str, op: nodes.CompareOp, value: Any) -> Claim:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise InexpressibleError(f"the bound {shown(value)} is not a number")
    return Atom(name, nodes.Compare(op, nodes.ColumnRef(name), nodes.Literal(value)), True)


def _textual(word: str, value: Any, column: Column) -> Claim:
    if isinstance(column.type, IntegerType | DecimalType | BooleanType):
        return YES
    if not isinstance(column.type, TextType | EnumType):
        raise InexpressibleError(f"`{column.name}` is a date here: no length, no pattern")
    reference = nodes.ColumnRef(column.name)
    if word == "pattern":
        pattern = translated(str(value), Fit.SOMEWHERE)
        return Atom(column.name, nodes.Matches(reference, pattern), True)
    if not isinstance(value, int | Decimal) or isinstance(value, bool):
        raise InexpressibleError(f"{word!r} is {shown(value)}, not a number")
    op: nodes.CompareOp = ">=" if word == "minLength" else "<="
    length = nodes.Compare(op, nodes.Length(reference), nodes.Literal(int(value)))
    return Atom(column.name, length, True)


def _multiple(value: Any, column: Column) -> Claim:
    if not isinstance(column.type, IntegerType | DecimalType):
        return YES
    scale = column.type.scale if isinstance(column.type, DecimalType) else 0
    known = isinstance(value, int | Decimal) and value > 0
    if known and Decimal(1).scaleb(-scale) % value == 0:
        return YES
    raise InexpressibleError("there is no remainder in rules")
