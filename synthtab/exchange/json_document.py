"""A JSON schema as a document: reading it, following ``$ref``, what it says of null and types."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from synthtab.errors import UsageError

Schema = Mapping[str, Any] | bool

_MOST_REFS = 200

JSON_TYPES = frozenset({"integer", "number", "string", "boolean", "null", "array", "object"})
_IMPLIED = {
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "string": ("pattern", "minLength", "maxLength", "format"),
    "object": ("properties", "patternProperties"),
    "array": ("items", "prefixItems"),
}


def read_json(text: str, name: str) -> Any:
    """Return plain data of a JSON text, numbers with a point as Decimal.

    Raises UsageError with the place where it is not JSON.
    """

    def refused(constant: str) -> Any:
        raise UsageError(f"{name} is not JSON: {constant} is no JSON number")

    try:
        return json.loads(text, parse_float=Decimal, parse_constant=refused)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise UsageError(f"{name} is not JSON: {error.msg} ({place})") from error
    except RecursionError as error:
        raise UsageError(f"{name} is nested too deeply to be read") from error


@dataclass(frozen=True)
class Document:
    """The whole of a schema, within which ``$ref`` are looked up; ``name`` is for messages."""

    root: Any
    name: str

    def parts(self, schema: Schema) -> tuple[Mapping[str, Any], ...]:
        """Return the schemas that must all hold: ``$ref`` followed, ``allOf`` taken apart.

        ``true`` has no parts; ``false`` is ``{"not": {}}``. Raises UsageError for a ``$ref`` that
        leads nowhere, outside the document, or round in circles.
        """
        return tuple(self._parts(schema, ()))

    def _parts(self, schema: Schema, path: tuple[str, ...]) -> Iterator[Mapping[str, Any]]:
        if schema is True:
            return
        if schema is False:
            yield {"not": {}}
            return
        if not isinstance(schema, Mapping):
            raise UsageError(
                f"{self.name} is no JSON schema: {shown(schema)} stands where a schema"
                " (an object, true or false) should"
            )
        if "$ref" in schema:
            yield from self._parts(*self._followed(schema["$ref"], path))
        for member in _members(schema, "allOf"):
            yield from self._parts(member, path)
        rest = {k: v for k, v in schema.items() if k not in ("$ref", "allOf")}
        if rest:
            yield rest

    def _followed(self, ref: Any, path: tuple[str, ...]) -> tuple[Any, tuple[str, ...]]:
        if not isinstance(ref, str):
            raise UsageError(f"{self.name}: $ref is {shown(ref)}, not a text")
        if ref in path or len(path) > _MOST_REFS:
            raise UsageError(f"{self.name}: $ref {ref!r} leads back to itself")
        return self.at(ref), (*path, ref)

    def at(self, ref: str) -> Any:
        """Return what a local reference leads to: ``#``, ``#/$defs/name`` or ``#anchor``."""
        if ref != "#" and not ref.startswith("#"):
            raise UsageError(
                f"{self.name}: $ref {ref!r} leads out of the file; only local references such as"
                " #/$defs/name are followed"
            )
        if ref.startswith("#") and not ref.startswith("#/") and ref != "#":
            for schema in _anywhere(self.root):
                if schema.get("$anchor") == ref[1:] or schema.get("$id") == ref:
                    return schema
            raise UsageError(f"{self.name}: $ref {ref!r}: no schema has this $anchor")
        found = self.root
        for step in ref.split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~").replace("%24", "$").replace("%25", "%")
            if isinstance(found, Mapping) and key in found:
                found = found[key]
            elif isinstance(found, list) and key.isdigit() and int(key) < len(found):
                found = found[int(key)]
            else:
                raise UsageError(f"{self.name}: $ref {ref!r} leads nowhere: there is no {key!r}")
        return found

    def admits_null(self, schema: Schema) -> bool:
        """Say whether JSON's null is valid against a schema."""
        return all(self._admits_null(part) for part in self.parts(schema))

    def _admits_null(self, part: Mapping[str, Any]) -> bool:
        if part.get("nullable") is True:  # OpenAPI 3.0
            return True
        if "type" in part and "null" not in types_of(part["type"], self.name):
            return False
        if "const" in part and part["const"] is not None:
            return False
        if isinstance(part.get("enum"), list) and None not in part["enum"]:
            return False
        if "anyOf" in part and not any(map(self.admits_null, _members(part, "anyOf"))):
            return False
        if "oneOf" in part and sum(map(self.admits_null, _members(part, "oneOf"))) != 1:
            return False
        if "not" in part and self.admits_null(part["not"]):
            return False
        if "if" in part:
            branch = "then" if self.admits_null(part["if"]) else "else"
            return self.admits_null(part.get(branch, True))
        return True

    def kinds(self, schema: Schema) -> frozenset[str]:
        """Return the JSON types that valid values can have, null apart; all where it is not said.

        ``integer`` is named besides ``number`` only where a schema tells them apart.
        """
        found = JSON_TYPES - {"null"}
        for part in self.parts(schema):
            found = _common(found, self._kinds(part))
        return found

    def _kinds(self, part: Mapping[str, Any]) -> frozenset[str]:
        found = JSON_TYPES - {"null"}
        if "type" in part:
            found = _common(found, types_of(part["type"], self.name) - {"null"})
        listed = [part["const"]] if "const" in part else part.get("enum")
        if isinstance(listed, list):
            found = _common(found, frozenset(json_type(v) for v in listed if v is not None))
        for word in ("anyOf", "oneOf"):
            if word in part:
                each = [self.kinds(m) for m in _members(part, word) if not self.only_null(m)]
                found = _common(found, frozenset().union(*each))
        return found

    def implied_kind(self, schema: Schema) -> str | None:
        """Return the type that a schema's keywords are about, for one that names no type."""
        for part in self.parts(schema):
            for kind, words in _IMPLIED.items():
                if any(word in part for word in words):
                    return kind
        return None

    def only_null(self, schema: Schema) -> bool:
        """Say whether a schema is that of null alone."""
        parts = self.parts(schema)
        return any(
            p.get("type") in ("null", ["null"]) or p.get("enum") == [None]
            or ("const" in p and p["const"] is None)
            for p in parts
        )  # fmt: skip


def members(schema: Mapping[str, Any], word: str, name: str) -> list[Schema]:
    """Return the schemas listed under a keyword. Raises UsageError where there is no list."""
    found = schema.get(word, [])
    if not isinstance(found, list):
        raise UsageError(f"{name}: {word!r} is {shown(found)}, not a list of schemas")
    return found


def _members(schema: Mapping[str, Any], word: str) -> list[Schema]:
    return members(schema, word, "the JSON schema")


def types_of(value: Any, name: str) -> frozenset[str]:
    """Return the types a ``type`` keyword names. Raises UsageError for one that JSON has not."""
    listed = value if isinstance(value, list) else [value]
    for each in listed:
        if not isinstance(each, str) or each not in JSON_TYPES:
            known = ", ".join(sorted(JSON_TYPES))
            raise UsageError(f"{name}: there is no type {shown(each)}; JSON has {known}")
    return frozenset(listed)


def json_type(value: Any) -> str:
    """Return the JSON type of plain data; a whole number is an integer."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case Decimal():
            return "integer" if value == value.to_integral_value() else "number"
        case str():
            return "string"
        case list():
            return "array"
    return "object"


def shown(value: Any) -> str:
    """Return plain data as short JSON, for messages."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _common(some: frozenset[str], other: frozenset[str]) -> frozenset[str]:
    """Return the types in both; an integer is a number too."""
    found = some & other
    if ("integer" in some and "number" in other) or ("integer" in other and "number" in some):
        found |= {"integer"}
    return found


def _anywhere(value: Any) -> Iterator[Mapping[str, Any]]:
    stack = [value]
    while stack:
        top = stack.pop()
        if isinstance(top, Mapping):
            yield top
            stack.extend(top.values())
        elif isinstance(top, list):
            stack.extend(top)
