"""JSON Schema (draft 7 and 2020-12): schemas of rows become tables.

A row is an object; it is found as the schema itself, as the ``items`` of an array, as a property
that is such an array, or under ``$defs`` (``definitions``). A schema that ``rulecheck compile``
made has its table in the rules language under ``x-rules``, and that is what it becomes again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from synthtab.backends.grammar import json_schema
from synthtab.errors import ModelError, UsageError
from synthtab.exchange.claims import Claim, Constantly, Every, condition
from synthtab.exchange.facts import arranged
from synthtab.exchange.foreign_patterns import InexpressibleError
from synthtab.exchange.imported import Imported, Note
from synthtab.exchange.json_claims import ANNOTATIONS, Claims, Field
from synthtab.exchange.json_document import Document, Schema, members, read_json, shown
from synthtab.exchange.json_properties import plain_column, read_property, slug
from synthtab.exchange.json_shape import check_shape
from synthtab.ir import nodes
from synthtab.lang.model import Model
from synthtab.schema import type_name

_UNCONDITIONAL = frozenset({"type", "properties", "required", "then", "else"})
_NAMES = {"if": "if_then", "anyOf": "any_of", "oneOf": "one_of", "dependentRequired": "dependent",
          "dependentSchemas": "dependent", "dependencies": "dependent"}  # fmt: skip
_LOST_OF_LISTS = ("uniqueItems", "minItems", "maxItems", "contains", "minContains", "maxContains")


def from_json_schema(text: str, name: str = "the JSON schema", table: str = "data") -> Imported:
    """Return the tables that a JSON schema describes.

    ``name`` is for messages; ``table`` names a table that the schema gives no title.
    Raises UsageError for what is no JSON, no schema of rows, or has a ``$ref`` that leads nowhere.
    """
    document = Document(read_json(text, name), name)
    if not isinstance(document.root, Mapping):
        raise UsageError(f"{name} is no JSON schema: it is {shown(document.root)}, not an object")
    check_shape(document.root, name)
    notes: list[Note] = []
    own = _own(document, notes)
    if own is not None:
        return Imported((own,), ())
    tables = []
    for title, schema in _rows(document, table, notes):
        made, lost = _Reader(document, title, schema).read()
        tables.append(made)
        notes += lost
    if not tables:
        raise UsageError(
            f"{name} describes no rows: rows are an object with `properties`, an array of such"
            " objects, or such schemas under `$defs`"
        )
    return Imported(tuple(tables), tuple(notes))


def _own(document: Document, notes: list[Note]) -> nodes.Table | None:
    """Return the table that ``rulecheck compile`` made this of; None after a change."""
    text = document.root.get("x-rules")
    if not isinstance(text, str):
        return None
    try:
        table = Model.parse(text).table()
        made = json.loads(json.dumps(json_schema(table)))
    except (ModelError, UsageError):
        made = None
    if made != document.root:
        what = "they are not those of this schema, which is read instead"
        notes.append(Note(document.name, "x-rules", what))
        return None
    return table


def _rows(document: Document, table: str, notes: list[Note]) -> Iterator[tuple[str, Schema]]:
    """Yield the schemas of rows with the names of their tables."""
    root = document.root
    row = _row_of(document, root, table, notes)
    properties = _properties(document, row) if row is not None else {}
    inner: list[Note] = []
    several = {n: _row_of(document, s, n, inner, lists_only=True) for n, s in properties.items()}
    if several and all(r is not None and _properties(document, r) for r in several.values()):
        notes += inner
        yield from ((n, r) for n, r in several.items() if r is not None)
        return
    if row is not None and properties:
        titles = (p.get("title") for p in document.parts(row))
        title = next((slug(t) for t in titles if isinstance(t, str) and slug(t)), table)
        yield title, row
        return
    for word in ("$defs", "definitions"):
        listed = root.get(word, {})
        for name, schema in listed.items() if isinstance(listed, Mapping) else ():
            if _properties(document, schema):
                yield name, schema
            else:
                notes.append(Note(name, f"{word} {name}", "it describes no rows"))


def _row_of(
    document: Document, schema: Schema, name: str, notes: list[Note], *, lists_only: bool = False
) -> Schema | None:
    """Return the schema of one row: of the array's items, or the schema itself."""
    parts = document.parts(schema)
    items = [p["items"] for p in parts if isinstance(p.get("items"), Mapping)]
    if items:
        for part in parts:
            for word in _LOST_OF_LISTS:
                if word in part:
                    lost = f"{word} {shown(part[word])}"
                    notes.append(Note(name, lost, "it is about the list of rows as a whole"))
        return {"allOf": items}
    return None if lists_only else schema


def _properties(document: Document, schema: Schema | None) -> dict[str, Schema]:
    """Return the properties of an object that hold for all rows, each with all that is said."""
    found: dict[str, list[Schema]] = {}
    for part in document.parts(True if schema is None else schema):
        for name, each in part.get("properties", {}).items():
            found.setdefault(name, []).append(each)
    return {n: s[0] if len(s) == 1 else {"allOf": s} for n, s in found.items()}


class _Reader:
    """Reads one table."""

    def __init__(self, document: Document, table: str, schema: Schema) -> None:
        self.document = document
        self.table = table
        self.schema = schema
        self.parts = document.parts(schema)
        self.notes: list[Note] = []
        self.rules: list[nodes.Rule] = []
        self.fields: dict[str, Field] = {}

    def note(self, where: str, what: str, reason: str) -> None:
        self.notes.append(Note(where, what, reason))

    def read(self) -> tuple[nodes.Table, tuple[Note, ...]]:
        left: list[tuple[str, str, Mapping[str, Any]]] = []
        required = self.required()
        for name, schema in _properties(self.document, self.schema).items():
            where = f"{self.table}.{name}"
            made = read_property(self.document, self.table, name, schema, name in required)
            if made is None:
                self.note(where, "a list or an object", "a column holds one value: left out")
                continue
            self.fields[name] = made.field
            self.rules += made.rules
            self.notes += made.notes
            left += [(name, word, part) for word, part in made.left]
        for name in sorted(required - set(self.fields)):
            self.note(f"{self.table}.{name}", "required", "no property of that name is described")
        if not self.fields:
            raise UsageError(f"{self.document.name}: `{self.table}` has no property to be a column")
        self.conditional_columns()
        claims = Claims(self.document, self.fields)
        for name, word, part in left:
            read = partial(claims.property, name)
            self.clause(
                f"{name}_{_NAMES.get(word, word)}", f"{self.table}.{name}", word, part, read
            )
        for part in self.parts:
            self.clauses(part, claims)
        columns = tuple(f.column for f in self.fields.values())
        table = nodes.Table(self.table, columns, arranged(columns, self.rules))
        return table, tuple(dict.fromkeys(self.notes))

    def required(self) -> set[str]:
        found: set[str] = set()
        for part in self.parts:
            found |= set(part.get("required", ()))
        return found

    def clauses(self, part: Mapping[str, Any], claims: Claims) -> None:
        """Make rules of what a part says of whole rows."""
        for word, value in part.items():
            closed = word in ("additionalProperties", "unevaluatedProperties")
            known = word in _UNCONDITIONAL or word in ANNOTATIONS or word.startswith("x-")
            if known or (closed and isinstance(value, bool)):
                continue
            joined = {w: part[w] for w in ("if", "then", "else") if w in part}
            self.clause(
                _NAMES.get(word, word),
                self.table,
                word,
                joined if word == "if" else {word: value},
                claims.row,
                None if "properties" in part else part.get("description", part.get("title")),
            )

    def clause(
        self,
        name: str,
        where: str,
        word: str,
        part: Mapping[str, Any],
        read: Callable[[Schema], Claim],
        description: object = None,
    ) -> None:
        """Make rules of one keyword, or a note of why there are none."""
        try:
            claim = read(part)
        except InexpressibleError as error:
            self.note(where, f"{word} {shown(part[word])}", str(error))
            return
        optional = frozenset(n for n, f in self.fields.items() if f.column.optional)
        told = description if isinstance(description, str) and description.strip() else None
        for each in claim.claims if isinstance(claim, Every) else (claim,):
            if isinstance(each, Constantly):
                if not each.value:  # the schema admits no row, and so says the rule
                    self.rules.append(nodes.RowRule(name, nodes.Literal(False), told))
                continue
            self.rules.append(nodes.RowRule(name, condition(each, optional), told))

    def conditional_columns(self) -> None:
        """Declare the properties that only conditions speak of: they are optional."""
        asked: set[str] = set()
        for part in self.parts:
            for inner in _within(self.document, part):
                asked |= set(inner.get("required", ()))
                asked |= set(inner.get("dependentRequired", {}))
                for name, schema in inner.get("properties", {}).items():
                    if name in self.fields:
                        continue
                    column = plain_column(self.document, name, schema)
                    if column is not None:
                        self.fields[name] = Field(column, False)
                        self.note(
                            f"{self.table}.{name}",
                            "described within a condition only",
                            f"it is an optional {type_name(column.type)} here",
                        )
        for name in sorted(asked & set(self.fields)):
            if self.fields[name].null_written and name not in self.required():
                self.note(
                    f"{self.table}.{name}",
                    "null, or left out",
                    "the two are one NULL here, which counts as written",
                )


def _within(document: Document, part: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the schemas about the row that stand below the keywords of a part."""
    waiting: list[Schema] = []
    for word in ("anyOf", "oneOf"):
        waiting += members(part, word, document.name)
    waiting += [part[w] for w in ("not", "if", "then", "else") if w in part]
    for word in ("dependentSchemas", "dependencies"):
        listed = part.get(word, {})
        waiting += [s for s in listed.values() if not isinstance(s, list)]
    for schema in waiting:
        for inner in document.parts(schema):
            yield inner
            yield from _within(document, inner)
