"""pandera's DataFrameSchema and DataFrameModel as tables.

A schema is read by what it tells of itself: the dtype, and the registered name and statistics of
each check. Pandera itself is not imported; whoever has a schema has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from synthtab.errors import UsageError
from synthtab.exchange.facts import Bound, Facts, Kind, arranged, declared
from synthtab.exchange.foreign_patterns import (
    ANYTHING,
    Fit,
    InexpressibleError,
    escaped,
    translated,
)
from synthtab.exchange.imported import Imported, Note
from synthtab.ir import nodes
from synthtab.lang.ruletree import default_rule_name
from synthtab.schema import Column, Value

_TEXTS = frozenset({"object", "str", "string", "category"})
_LOST_OF_SCHEMAS = {
    "coerce": "values are converted before they are checked",
    "ordered": "the order of columns says nothing here",
    "drop_invalid_rows": "rows are never dropped silently here",
    "add_missing_columns": "a missing column is an error here",
    "parsers": "what changes the data is no rule",
}


def is_schema(value: Any) -> bool:
    """Say whether a value is a DataFrameSchema or a DataFrameModel of the user."""
    if isinstance(value, type):
        return hasattr(value, "to_schema") and not value.__module__.startswith("pandera.")
    return any(c.__name__ == "DataFrameSchema" for c in type(value).__mro__)


def from_pandera(schema: Any, table: str | None = None) -> Imported:
    """Return the table of a DataFrameSchema or DataFrameModel; ``table`` is its name, else its own.

    Checks that are functions cannot be read: each is a note. Raises UsageError for what is no
    schema, or has no columns.
    """
    if not is_schema(schema):
        raise UsageError(f"{schema!r} is not a pandera DataFrameSchema or DataFrameModel")
    whole: Any = schema.to_schema() if hasattr(schema, "to_schema") else schema
    name = table or (str(whole.name) if whole.name else "data")
    reader = _Reader(name)
    return Imported((reader.table(whole),), tuple(reader.notes))


class _Reader:
    """Reads one schema."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.notes: list[Note] = []
        self.rules: list[nodes.Rule] = []

    def note(self, where: str, what: str, reason: str) -> None:
        self.notes.append(Note(f"{self.name}.{where}" if where else self.name, what, reason))

    def table(self, schema: Any) -> nodes.Table:
        columns = [c for name, each in schema.columns.items() if (c := self.column(name, each))]
        if not columns:
            raise UsageError(f"the pandera schema `{self.name}` has no columns")
        for word, reason in _LOST_OF_SCHEMAS.items():
            value = getattr(schema, word, None)
            if value:
                self.note("", f"{word}={value!r}", reason)
        if schema.index is not None:
            self.note("", f"the index {schema.index.names}", "a table has no index here")
        for check in schema.checks:
            self.note("", f"the check {_title(check)}", "it is of the whole frame")
        if schema.unique:
            names = (schema.unique,) if isinstance(schema.unique, str) else tuple(schema.unique)
            self.unique(names, columns)
        return nodes.Table(self.name, tuple(columns), arranged(columns, self.rules))

    def unique(self, names: tuple[str, ...], columns: Iterable[Column]) -> None:
        self.rules.append(nodes.UniqueRule(default_rule_name(names, "unique"), names))
        if any(c.optional for c in columns if c.name in names):
            what = f"unique={list(names)!r} of NULLs"
            self.note("", what, "NULLs never repeat here; in pandera they do")

    def column(self, name: Any, column: Any) -> Column | None:
        if not isinstance(name, str):
            self.note(str(name), "a column whose name is no text", "it is left out")
            return None
        if column.regex:
            self.note(name, "columns named by a pattern", "each column is declared here: left out")
            return None
        facts = self.typed(name, column.dtype)
        if facts is None:
            return None
        if not column.required:
            self.note(name, "required=False", "the column is always there here, and optional")
        for word in ("coerce", "parsers"):
            value = getattr(column, word, None)
            if value:
                self.note(name, f"{word}={value!r}", _LOST_OF_SCHEMAS[word])
        if getattr(column, "default", None) is not None:
            self.note(name, f"default={column.default!r}", "what changes the data is no rule")
        facts = replace(facts, optional=bool(column.nullable) or not column.required)
        for check in column.checks:
            try:
                facts = self.checked(facts, check)
            except InexpressibleError as error:
                self.note(name, f"the check {_title(check)}", str(error))
        made = declared(self.name, name, facts)
        self.rules += made.rules
        self.notes += made.notes
        if column.unique:
            self.unique((name,), [made.column])
        return made.column

    def typed(self, name: str, dtype: Any) -> Facts | None:
        """Return what a dtype says; None, with a note, where no column can hold it."""
        kind = str(dtype).removesuffix("[python]").removesuffix("[pyarrow]").lower()
        bits = kind.removeprefix("u").removeprefix("int")
        if kind.startswith(("int", "uint")) and (bits.isdigit() or not bits):
            return _integers(kind.startswith("u"), int(bits or 64))
        if kind.startswith("float") or kind in ("decimal", "double"):
            return Facts("decimal")
        if kind.startswith("decimal"):
            return Facts("decimal", scale=dtype.scale, precision=dtype.precision)
        if kind in ("bool", "boolean"):
            return Facts("boolean")
        if kind == "date":
            return Facts("date")
        if kind.startswith("datetime64"):
            if "," in kind:
                self.note(name, f"dtype {dtype}", "the time zone is not kept")
            return Facts("datetime")
        if kind == "category" and getattr(dtype, "categories", None) is not None:
            return self.categories(name, list(dtype.categories))
        if kind in _TEXTS or kind.startswith("string"):
            return Facts("text")
        if dtype is None:
            self.note(name, "no dtype", "text is taken")
            return Facts("text")
        self.note(name, f"dtype {dtype}", "there is no such type here: the column is left out")
        return None

    def categories(self, name: str, values: list[Any]) -> Facts:
        found = tuple(v for v in map(_plain, values) if v is not None)
        for kind, types in (("text", str), ("integer", int)):
            if found and all(isinstance(v, types) for v in found):
                return Facts(kind, options=found)  # type: ignore[arg-type]
        self.note(name, f"categories {values!r}", "they are of several types: text is taken")
        return Facts("text")

    def checked(self, facts: Facts, check: Any) -> Facts:
        """Return the facts with what a check adds."""
        read = _CHECKS.get(check.name)
        if read is None or not check.statistics:
            raise InexpressibleError("a function cannot be read")
        for word in ("groupby", "raise_warning"):
            if getattr(check, word, None):
                raise InexpressibleError(f"with {word} it is no rule about every row")
        if facts.optional and not check.ignore_na:
            raise InexpressibleError("with ignore_na=False it speaks of missing values too")
        return read(facts, check.statistics)


def _integers(unsigned: bool, bits: int) -> Facts:
    if bits >= 64:
        return Facts("integer", lows=(Bound(0),) if unsigned else ())
    lo, hi = (0, 2**bits - 1) if unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return Facts("integer", lows=(Bound(lo),), highs=(Bound(hi),))


def _title(check: Any) -> str:
    return str(check.error or check.name or "without a name")


def _plain(value: Any) -> Value | None:
    """Return a NumPy, pandas or Python value as one of ours; None where there is none."""
    if hasattr(value, "to_pydatetime"):
        value = value.to_pydatetime()
    elif hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        # The shortest text that stands for the float, as data files have it.
        number = Decimal(repr(value))
        return number if number.is_finite() else None
    if isinstance(value, datetime):
        return value.replace(tzinfo=None, microsecond=0) if not value.microsecond else None
    return value if isinstance(value, int | Decimal | date | str) else None


def _value(value: Any, kind: Kind) -> Value:
    found = _plain(value)
    if kind == "datetime" and isinstance(found, str):
        found = datetime.fromisoformat(found)
    if kind == "datetime" and type(found) is date:
        found = datetime(found.year, found.month, found.day)
    if found is None:
        raise InexpressibleError(f"{value!r} is no value of a column")
    return found


def _values(listed: Any, kind: Kind) -> tuple[Value, ...]:
    return tuple(_value(v, kind) for v in listed)


def _low(word: str, strict: bool) -> Callable[[Facts, Any], Facts]:
    def read(facts: Facts, statistics: Any) -> Facts:
        bound = Bound(_value(statistics[word], facts.kind), strict)
        return replace(facts, lows=(*facts.lows, bound))

    return read


def _high(word: str, strict: bool) -> Callable[[Facts, Any], Facts]:
    def read(facts: Facts, statistics: Any) -> Facts:
        bound = Bound(_value(statistics[word], facts.kind), strict)
        return replace(facts, highs=(*facts.highs, bound))

    return read


def _range(facts: Facts, statistics: Any) -> Facts:
    low = _low("min_value", not statistics["include_min"])(facts, statistics)
    return _high("max_value", not statistics["include_max"])(low, statistics)


def _only(facts: Facts, values: tuple[Value, ...]) -> Facts:
    before = facts.options
    kept = values if before is None else tuple(v for v in before if v in values)
    return replace(facts, options=tuple(dict.fromkeys(kept)))


def _isin(facts: Facts, statistics: Any) -> Facts:
    listed = statistics["allowed_values"]
    # A frozenset has no order that stays from run to run.
    values = sorted(listed, key=repr) if isinstance(listed, set | frozenset) else listed
    return _only(facts, _values(values, facts.kind))


def _equal(facts: Facts, statistics: Any) -> Facts:
    return _only(facts, _values([statistics["value"]], facts.kind))


def _unequal(facts: Facts, statistics: Any) -> Facts:
    return replace(facts, banned=(*facts.banned, *_values([statistics["value"]], facts.kind)))


def _notin(facts: Facts, statistics: Any) -> Facts:
    listed = statistics["forbidden_values"]
    values = sorted(listed, key=repr) if isinstance(listed, set | frozenset) else listed
    return replace(facts, banned=(*facts.banned, *_values(values, facts.kind)))


def _pattern(facts: Facts, pattern: str) -> Facts:
    if facts.kind != "text":
        raise InexpressibleError(f"a column of kind {facts.kind} has no pattern")
    return replace(facts, patterns=(*facts.patterns, pattern))


def _regex(fit: Fit) -> Callable[[Facts, Any], Facts]:
    def read(facts: Facts, statistics: Any) -> Facts:
        pattern = statistics["pattern"]
        if not isinstance(pattern, str):
            if pattern.flags & ~32:  # re.UNICODE alone
                raise InexpressibleError("a pattern with flags has no equal here")
            pattern = pattern.pattern
        return _pattern(facts, translated(pattern, fit))

    return read


def _affix(before: str, after: str) -> Callable[[Facts, Any], Facts]:
    def read(facts: Facts, statistics: Any) -> Facts:
        found = statistics["string"]
        texts = [found] if isinstance(found, str) else found
        return _pattern(facts, "|".join(f"{before}{escaped(t)}{after}" for t in texts))

    return read


def _length(facts: Facts, statistics: Any) -> Facts:
    if facts.kind != "text":
        raise InexpressibleError(f"a column of kind {facts.kind} has no length")
    exact = statistics.get("exact_value")
    least, most = (exact, exact) if exact is not None else (
        statistics.get("min_value"), statistics.get("max_value")
    )  # fmt: skip
    if least is not None:
        facts = replace(facts, least=max(facts.least or 0, int(least)))
    if most is not None:
        facts = replace(facts, most=int(most if facts.most is None else min(facts.most, most)))
    return facts


_CHECKS: dict[str, Callable[[Facts, Any], Facts]] = {
    "equal_to": _equal,
    "not_equal_to": _unequal,
    "greater_than": _low("min_value", True),
    "greater_than_or_equal_to": _low("min_value", False),
    "less_than": _high("max_value", True),
    "less_than_or_equal_to": _high("max_value", False),
    "in_range": _range,
    "isin": _isin,
    "notin": _notin,
    "str_matches": _regex(Fit.START),
    "str_contains": _regex(Fit.SOMEWHERE),
    "str_startswith": _affix("", ANYTHING),
    "str_endswith": _affix(ANYTHING, ""),
    "str_length": _length,
}
