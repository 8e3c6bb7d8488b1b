"""Frictionless Table Schemas and Data Packages (JSON descriptors) as tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from synthtab.errors import UsageError
from synthtab.exchange.facts import Bound, Facts, Kind, arranged, declared
from synthtab.exchange.foreign_patterns import Fit, InexpressibleError, translated
from synthtab.exchange.imported import Imported, Note
from synthtab.exchange.json_document import read_json, shown
from synthtab.ir import nodes
from synthtab.lang.ruletree import default_rule_name
from synthtab.schema import Column, Value

_KINDS: dict[str, Kind] = {
    "string": "text", "integer": "integer", "number": "decimal", "boolean": "boolean",
    "date": "date", "datetime": "datetime", "year": "integer",
}  # fmt: skip
_TEXTS = frozenset({"time", "yearmonth", "duration", "geopoint", "any"})
_LOST_TYPES = frozenset({"object", "array", "list", "geojson"})
_ANNOTATIONS = frozenset(
    {*("name", "type", "constraints", "title", "description", "example", "rdfType", "format")}
)
# How a value is written in the file: what the descriptor may say, and what needs no word here.
_WRITINGS: dict[str, Any] = {
    "decimalChar": ".", "groupChar": "", "bareNumber": True, "trueValues": ["true"],
    "falseValues": ["false"], "missingValues": [""],
}  # fmt: skip


def from_frictionless(
    text: str, name: str = "the descriptor", folder: Path | None = None, table: str = "data"
) -> Imported:
    """Return the tables of a Table Schema (``fields``) or a Data Package (``resources``).

    A resource's schema may be a path beside the package, in ``folder``. ``name`` is for messages,
    ``table`` the name of a schema that has none. Raises UsageError for what is no JSON or neither.
    """
    data = read_json(text, name)
    if isinstance(data, Mapping) and isinstance(data.get("resources"), list):
        found = [_resource(r, at, name, folder) for at, r in enumerate(data["resources"], 1)]
        schemas = [f for f in found if isinstance(f, tuple)]
        notes = [f for f in found if isinstance(f, Note)]
        if not schemas:
            raise UsageError(f"{name}: no resource of the package has a schema")
    else:
        schemas, notes = [(table, data)], []
    readers = [_Reader(title, schema, name) for title, schema in schemas]
    tables = tuple(reader.read() for reader in readers)
    return Imported(tables, (*notes, *(n for reader in readers for n in reader.notes)))


def _resource(resource: Any, at: int, name: str, folder: Path | None) -> tuple[str, Any] | Note:
    if not isinstance(resource, Mapping):
        raise UsageError(f"{name}: resource {at} is {shown(resource)}, not an object")
    title = resource.get("name")
    title = title if isinstance(title, str) and title else f"resource_{at}"
    schema = resource.get("schema")
    if schema is None:
        return Note(title, "a resource without a schema", "nothing is said of its columns")
    if isinstance(schema, str):
        path = Path(schema)
        if folder is None or path.is_absolute() or ".." in path.parts or "://" in schema:
            return Note(title, f"schema {schema}", "only a file below the package is read")
        try:
            schema = read_json((folder / path).read_text(encoding="utf-8-sig"), str(folder / path))
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{name}: the schema of {title} cannot be read: {error}") from error
    return title, schema


class _Reader:
    """Reads one Table Schema."""

    def __init__(self, table: str, schema: Any, name: str) -> None:
        if not isinstance(schema, Mapping) or not isinstance(schema.get("fields"), list):
            raise UsageError(
                f"{name} is no Table Schema: the schema of `{table}` needs a list of `fields`,"
                f" but is {shown(schema)}"
            )
        self.table = table
        self.schema = schema
        self.name = name
        self.notes: list[Note] = []
        self.uniques: list[nodes.Rule] = []
        self.rules: list[nodes.Rule] = []

    def note(self, where: str, what: str, reason: str) -> None:
        self.notes.append(Note(f"{self.table}.{where}" if where else self.table, what, reason))

    def read(self) -> nodes.Table:
        key = self.names("primaryKey", self.schema.get("primaryKey"))
        columns = [
            column
            for at, field in enumerate(self.schema["fields"], 1)
            if (column := self.field(field, at, key)) is not None
        ]
        if not columns:
            raise UsageError(f"{self.name}: `{self.table}` has no field to be a column")
        self.writings("", self.schema)
        known = {c.name for c in columns}
        first: list[nodes.Rule] = []
        if key and set(key) <= known:
            first.append(nodes.UniqueRule(default_rule_name(key, "key"), key, True))
        elif key:
            self.note("", f"primaryKey {shown(key)}", "it names a field that is no column")
        listed = self.schema.get("uniqueKeys") or []
        if not isinstance(listed, list):
            raise UsageError(f"{self.name}: uniqueKeys is {shown(listed)}, not a list")
        for names in listed:
            each = self.names("uniqueKeys", names)
            self.uniques.append(nodes.UniqueRule(default_rule_name(each, "unique"), each))
        self.references()
        rules = (*first, *self.uniques, *self.rules)
        return nodes.Table(self.table, tuple(columns), arranged(columns, rules))

    def names(self, word: str, value: Any) -> tuple[str, ...]:
        """Return the fields that a name or a list of names stands for."""
        listed = [value] if isinstance(value, str) else value or []
        if not isinstance(listed, list) or not all(isinstance(n, str) for n in listed):
            raise UsageError(f"{self.name}: {word!r} is {shown(value)}, not a name or their list")
        return tuple(dict.fromkeys(listed))

    def field(self, field: Any, at: int, key: tuple[str, ...]) -> Column | None:
        if not isinstance(field, Mapping) or not isinstance(field.get("name"), str):
            raise UsageError(f"{self.name}: field {at} of `{self.table}` has no name")
        name, kind = field["name"], field.get("type", "string")
        constraints = field.get("constraints") or {}
        if not isinstance(constraints, Mapping):
            raise UsageError(f"{self.name}: the constraints of {name!r} are {shown(constraints)}")
        if isinstance(kind, str) and kind in _LOST_TYPES:
            self.note(name, f"type {kind}", "a column holds one value: left out")
            return None
        if not isinstance(kind, str) or (kind not in _KINDS and kind not in _TEXTS):
            known = ", ".join(sorted({*_KINDS, *_TEXTS, *_LOST_TYPES}))
            raise UsageError(f"{self.name}: {name!r} has the type {shown(kind)}; there are {known}")
        if kind in _TEXTS:
            self.note(name, f"type {kind}", "there is no such type here: any text is accepted")
        self.format(name, kind, field.get("format", "default"))
        self.writings(name, field)
        for word in set(field) - _ANNOTATIONS - set(_WRITINGS) - {"categories"}:
            self.note(name, f"{word} {shown(field[word])}", "no rule says that")
        optional = not (constraints.get("required") is True or name in key)
        facts = self.facts(name, Facts(_KINDS.get(kind, "text"), optional), constraints)
        if kind == "year":
            ends = Bound(-9999), Bound(9999)
            facts = replace(facts, lows=(*facts.lows, ends[0]), highs=(*facts.highs, ends[1]))
        if isinstance(field.get("categories"), list):
            listed = [c.get("value") if isinstance(c, Mapping) else c for c in field["categories"]]
            facts = self.learned(name, facts, "enum", listed)
        if constraints.get("unique") is True and key != (name,):
            self.uniques.append(nodes.UniqueRule(default_rule_name([name], "unique"), (name,)))
        made = declared(self.table, name, facts)
        self.rules += made.rules
        self.notes += made.notes
        return made.column

    def format(self, name: str, kind: str, form: Any) -> None:
        iso = {"date": "%Y-%m-%d", "datetime": "%Y-%m-%dT%H:%M:%S"}
        if form not in ("default", "any", iso.get(kind)):
            reason = (
                "dates are read as ISO 8601" if kind in iso else "the format is not checked here"
            )
            self.note(name, f"format {shown(form)}", reason)

    def writings(self, name: str, said: Mapping[str, Any]) -> None:
        for word, usual in _WRITINGS.items():
            if word in said and said[word] != usual:
                reason = "data files are read one way here: an empty cell is NULL, 1.5 a number"
                self.note(name, f"{word} {shown(said[word])}", reason)

    def facts(self, name: str, facts: Facts, constraints: Mapping[str, Any]) -> Facts:
        for word, value in constraints.items():
            if word in ("required", "unique"):
                if not isinstance(value, bool):
                    self.note(name, f"{word} {shown(value)}", "it is neither true nor false")
                continue
            try:
                facts = self.learned(name, facts, word, value)
            except InexpressibleError as error:
                self.note(name, f"{word} {shown(value)}", str(error))
        return facts

    def learned(self, name: str, facts: Facts, word: str, value: Any) -> Facts:
        """Return the facts with what a constraint adds."""
        text = facts.kind == "text"
        match word:
            case "minimum" | "exclusiveMinimum":
                bound = Bound(_typed(value, facts.kind), word == "exclusiveMinimum")
                return replace(facts, lows=(*facts.lows, bound))
            case "maximum" | "exclusiveMaximum":
                bound = Bound(_typed(value, facts.kind), word == "exclusiveMaximum")
                return replace(facts, highs=(*facts.highs, bound))
            case "enum" if isinstance(value, list):
                found = []
                for each in value:
                    try:
                        found.append(_typed(each, facts.kind))
                    except InexpressibleError as error:
                        self.note(name, f"the value {shown(each)}", str(error))
                kept = found if facts.options is None else [v for v in facts.options if v in found]
                return replace(facts, options=tuple(dict.fromkeys(kept)))
            case "pattern" if text and isinstance(value, str):
                pattern = translated(value, Fit.WHOLE)
                return replace(facts, patterns=(*facts.patterns, pattern))
            case "minLength" | "maxLength" if text and type(value) is int:
                if word == "minLength":
                    return replace(facts, least=value)
                return replace(facts, most=value)
        raise InexpressibleError(f"no rule says that of a column of kind {facts.kind}")

    def references(self) -> None:
        listed = self.schema.get("foreignKeys") or []
        if not isinstance(listed, list):
            raise UsageError(f"{self.name}: foreignKeys is {shown(listed)}, not a list")
        for each in listed:
            target = each.get("reference") if isinstance(each, Mapping) else None
            if not isinstance(target, Mapping):
                self.note("", f"foreignKeys {shown(each)}", "it has no reference")
                continue
            own = self.names("foreignKeys", each.get("fields"))
            theirs = self.names("foreignKeys", target.get("fields"))
            parent = str(target.get("resource") or self.table)
            self.rules.append(
                nodes.ReferenceRule(default_rule_name(own, "reference"), own, parent, theirs)
            )


def _typed(value: Any, kind: Kind) -> Value:
    """Return a constraint's value as one of a column's: numbers and dates may be in quotes."""
    try:
        match kind:
            case "integer" | "decimal" if isinstance(value, str):
                return Decimal(value)
            case "integer" | "decimal" if isinstance(value, int | Decimal):
                return value
            case "date" if isinstance(value, str):
                return date.fromisoformat(value)
            case "datetime" if isinstance(value, str):
                return datetime.fromisoformat(value).replace(tzinfo=None)
            case "boolean" if value in ("true", "false", True, False):
                return value in ("true", True)
            case "text" if isinstance(value, str):
                return value
    except (ValueError, InvalidOperation) as error:
        raise InexpressibleError(f"{shown(value)} is no {kind}") from error
    raise InexpressibleError(f"{shown(value)} is no {kind}")
