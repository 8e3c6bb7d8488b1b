"""Checks of what tables declare: names, types, ranges, keys. Conditions are ir/typing.py's."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from synthtab.diagnostics import Diagnostic, Source, Span
from synthtab.ir import nodes
from synthtab.ir.hints import hint_problems
from synthtab.ir.patterns import PatternError, check_pattern
from synthtab.schema import (
    INT64_MAX,
    BooleanType,
    Column,
    DatetimeType,
    DecimalType,
    EnumType,
    IntegerType,
    TextType,
    decode_value,
    domain,
    type_domain,
    type_name,
)

MAX_PRECISION = 18  # the most digits whose every number fits in 64 bits
MAX_TEXT = 100_000


@dataclass
class _Findings:
    """Collects findings about one source."""

    source: Source | None
    items: list[Diagnostic] = field(default_factory=list)

    def add(
        self,
        code: str,
        message: str,
        span: Span | None,
        help_: str | None = None,
        severity: Literal["error", "warning"] = "error",
    ) -> None:
        self.items.append(Diagnostic(code, message, span, help_, self.source, severity))


def check_declarations(
    tables: Sequence[nodes.Table],
    constants: Sequence[nodes.Constant],
    source: Source | None,
) -> list[Diagnostic]:
    """Return the findings about names, column types, ranges, keys and unique rules."""
    found = _Findings(source)
    _constants(found, tables, constants)
    _repeated(found, "E203", "table", [(t.name, t.span) for t in tables], "")
    for table in tables:
        where = f" in table `{table.name}`"
        if not table.columns:
            found.add(
                "E231",
                f"table `{table.name}` has no columns",
                table.span,
                "declare at least one: `age integer`",
            )
        _repeated(found, "E204", "column", [(c.name, c.span) for c in table.columns], where)
        _repeated(found, "E205", "rule", [(r.name, r.span) for r in table.rules], where)
        for column in table.columns:
            _column(found, column)
        _keys(found, table)
    return found.items


def _constants(
    found: _Findings, tables: Sequence[nodes.Table], constants: Sequence[nodes.Constant]
) -> None:
    _repeated(found, "E253", "constant", [(c.name, c.span) for c in constants], "")
    for constant in constants:
        for table in tables:
            if constant.name in table.column_names:
                found.add(
                    "E253",
                    f"the constant `{constant.name}` has the name of a column of `{table.name}`",
                    constant.span,
                    "rename the constant: in that table the name means the column",
                )


def _repeated(
    found: _Findings,
    code: str,
    what: str,
    names: Sequence[tuple[str, Span | None]],
    where: str,
) -> None:
    first: dict[str, Span | None] = {}
    for name, span in names:
        if not name:
            found.add("E232", f"a {what} has an empty name", span, "give it a name")
        elif name in first:
            earlier = first[name]
            line = f"; the first one is on line {earlier.line}" if earlier else ""
            found.add(
                code,
                f"there are two {what}s named `{name}`{where}",
                span,
                f"rename one of them{line}",
            )
        else:
            first[name] = span


def _column(found: _Findings, column: Column) -> None:
    name, kind, span = column.name, column.type, column.span
    before = len(found.items)
    match kind:
        case DecimalType(precision, scale):
            if not 1 <= precision <= MAX_PRECISION or not 0 <= scale <= precision:
                found.add(
                    "E220",
                    f"`{name}` cannot be decimal({precision}, {scale})",
                    span,
                    f"decimal(digits in all, digits after the point) needs 1 to {MAX_PRECISION} "
                    "digits in all, and no more after the point than in all",
                )
        case DatetimeType(resolution) if resolution not in (1, 60, 3600):
            found.add(
                "E233",
                f"`{name}` cannot have ticks of {resolution} s",
                span,
                "a datetime's resolution is 1, 60 or 3600 seconds",
            )
        case EnumType(values):
            _enum(found, name, values, span)
        case TextType(length, pattern):
            _text(found, name, length, pattern, span)
    if len(found.items) == before:
        _range(found, column)
        for code, message, help_ in hint_problems(column):
            found.add(code, message, span, help_)


def _enum(found: _Findings, name: str, values: tuple[str, ...], span: Span | None) -> None:
    if not values:
        found.add(
            "E302",
            f"the enum `{name}` has no values, so no row can exist",
            span,
            "list at least one: enum('a', 'b')",
        )
    repeated = (
        sorted({v for v in values if values.count(v) > 1}) if len(set(values)) < len(values) else []
    )
    if repeated:
        shown = ", ".join(f"'{v}'" for v in repeated)
        found.add(
            "E222", f"the enum `{name}` lists {shown} more than once", span, "keep one of each"
        )


def _text(found: _Findings, name: str, length: int, pattern: str | None, span: Span | None) -> None:
    if not 1 <= length <= MAX_TEXT:
        found.add(
            "E221",
            f"`{name}` cannot be text({length})",
            span,
            f"the greatest length is from 1 to {MAX_TEXT}",
        )
    if pattern is None:
        return
    try:
        lengths = check_pattern(pattern)
    except PatternError as error:
        place = f"{error} (character {error.position + 1})"
        if error.unsupported:
            found.add("E225", f"{place}: not supported in a pattern", span, error.help)
        else:
            found.add("E224", f"{place}: in the pattern of `{name}`", span, error.help)
        return
    if lengths.least > max(length, 1):
        found.add(
            "E302",
            f"the pattern of `{name}` needs {lengths.least} characters, but it is text({length})",
            span,
            f"declare text({lengths.least}) or longer",
        )


def _range(found: _Findings, column: Column) -> None:
    name, kind, span, lo, hi = column.name, column.type, column.span, column.lo, column.hi
    if lo is None and hi is None:
        return
    if isinstance(kind, TextType | BooleanType):
        found.add(
            "E223",
            f"`{name}` is {type_name(kind)}, which has no range",
            span,
            "leave `in ...` out, or say it with a rule",
        )
        return
    least, most = type_domain(kind)
    if lo is not None and hi is not None and lo > hi:
        found.add(
            "E302",
            f"the range of `{name}` is empty: {_shown(column, lo)} is above {_shown(column, hi)}",
            span,
            "the lower end comes first",
        )
        return
    for end in (lo, hi):
        if end is not None and not least <= end <= most:
            first, last = domain(column)
            if first > last or isinstance(kind, IntegerType) or abs(end) > INT64_MAX:
                found.add(
                    "E223",
                    f"the range of `{name}` does not fit {type_name(kind)}",
                    span,
                    f"it holds {_shown(column, least)} to {_shown(column, most)}",
                )
                return
            found.add(
                "W203",
                f"the range of `{name}` goes beyond {type_name(kind)}, which holds "
                f"{_shown(column, least)} to {_shown(column, most)}",
                span,
                "declare more digits, or a narrower range",
                "warning",
            )
            return


def _shown(column: Column, code: int) -> str:
    least, most = type_domain(column.type)
    if isinstance(column.type, IntegerType | DecimalType) or least <= code <= most:
        return str(decode_value(column.type, code))
    return f"code {code}"


def _keys(found: _Findings, table: nodes.Table) -> None:
    columns = {c.name: c for c in table.columns}
    primary: nodes.UniqueRule | None = None
    for rule in table.rules:
        if not isinstance(rule, nodes.UniqueRule):
            continue
        word = "key" if rule.primary else "unique"
        if not rule.columns:
            found.add(
                "E228",
                f"`{word}` of rule `{rule.name}` names no column",
                rule.span,
                f"write `{word} (a, b)`",
            )
        for name in dict.fromkeys(n for n in rule.columns if rule.columns.count(n) > 1):
            found.add("E228", f"`{word}` names `{name}` twice", rule.span, "name it once")
        for name in dict.fromkeys(rule.columns):
            if name not in columns:
                near = difflib.get_close_matches(name, list(columns), 1)
                found.add(
                    "E201",
                    f"table `{table.name}` has no column `{name}`",
                    rule.span,
                    f"did you mean `{near[0]}`?"
                    if near
                    else f"its columns are {', '.join(list(columns)[:12])}",
                )
            elif rule.primary and columns[name].optional:
                found.add(
                    "E226",
                    f"the key column `{name}` is optional",
                    rule.span,
                    "a key is never null: leave `optional` out, or use `unique`",
                )
        if rule.primary and primary is not None:
            found.add(
                "E227",
                f"table `{table.name}` has two keys, `{primary.name}` and `{rule.name}`",
                rule.span,
                "keep one `key` and make the other `unique`",
            )
        if rule.primary:
            primary = primary or rule
