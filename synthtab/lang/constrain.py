"""A grammar of the rules of one table, for a language model whose output it constrains.

It is made from the compiled productions of grammars/rules.lark, with the model's own names and
values as the only ones there are, in the dialect that llguidance reads. Every word is followed by
one blank, so that words never run together; the formatter tidies up afterwards. What cannot be
said in it: patterns, pairs of rows, references, keys,
and choices by cases.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from synthtab.ir import nodes
from synthtab.ir.references import references
from synthtab.lang.calls import AGGREGATES, PARTS
from synthtab.lang.parse import literal_terminals, productions
from synthtab.lang.quoting import write_name, write_string
from synthtab.schema import (
    BooleanType,
    DatetimeType,
    DateType,
    DecimalType,
    EnumType,
    IntegerType,
    TextType,
)

MAX_VALUES = 200
_DAYS = (
    r"((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)"
    r"|02-(0[1-9]|1[0-9]|2[0-8]))"
)
# Terminals of rules.lark that are no fixed text, as they are written here.
_WRITTEN = {
    "NUMBER": r"/[0-9]{1,9}(\.[0-9]{1,4})?%? /",
    "DATE": rf"/(19|20)[0-9][0-9]-{_DAYS} /",
    "DATETIME": rf"/(19|20)[0-9][0-9]-{_DAYS}T([01][0-9]|2[0-3]):[0-5][0-9] /",
    "UNIT": '("years" | "months" | "weeks" | "days" | "hours" | "minutes") " "',
    "COMPARE": '("<=" | ">=" | "!=" | "=" | "<" | ">") " "',
    "END": '"end "',
    "UNIQUE_OF": '"unique "',
    "NO_OVERLAP": '"no overlap "',
    "WHERE": '"where "',
}
_FREE_TEXT = r"/'[A-Za-z0-9 .,@_%-]{0,40}' /"
_TIGHT = frozenset({"(", "."})
_NAMES = frozenset({"name", "ident", "target", "listed"})
# Productions that are left out, by what they are of and their alias or first symbol.
_LEFT_OUT = frozenset({"refers_to", "forbid_pair", "key_of", "parent_ref", "call", "case"})


@dataclass(frozen=True)
class _Scope:
    """A table whose names are meant: the home's rules may look at other rows, a child's may not."""

    tag: str
    table: nodes.Table
    home: bool

    def rule(self, name: str) -> str:
        return f"{name.lstrip('_')}_{self.tag}"

    @property
    def column(self) -> str:
        return f"COLUMN_{self.tag.upper()}"

    @property
    def flags(self) -> str | None:
        """The columns that are conditions by themselves."""
        return self.columns_of(BooleanType)

    def columns_of(self, *kinds: type) -> str | None:
        """Return an expression for the columns of some types, None where there are none."""
        names = [c.name for c in self.table.columns if isinstance(c.type, kinds)]
        return _choice(map(write_name, names)) if names else None

    @property
    def text(self) -> str | None:
        kinds = {type(c.type) for c in self.table.columns}
        return f"TEXT_{self.tag.upper()}" if kinds & {EnumType, TextType} else None


def rule_grammar(table: nodes.Table, tables: Sequence[nodes.Table]) -> str:
    """Return the grammar of what may stand after the colon of a rule of ``table``."""
    links = list(_links(table, tables))
    children = {child.name: child for child, _ in links}
    scopes = [_Scope("h", table, True)]
    scopes += [_Scope(f"c{at}", child, False) for at, child in enumerate(children.values())]
    lines = ["start: body_h"]
    used: set[str] = set()
    for scope in scopes:
        top = "body" if scope.home else "condition"
        lines += _scoped(scope, top, used)
        lines += _names(scope, tables)
        lines += _calls(scope, [(s, v) for s in scopes[1:] for c, v in links if c == s.table])
    lines += list(_terminals(used))
    return "\n".join(lines) + "\n"


def _links(
    table: nodes.Table, tables: Sequence[nodes.Table]
) -> Iterator[tuple[nodes.Table, str | None]]:
    """Yield the tables that refer to a table, with the referring column where there are several."""
    for child in tables:
        leading = [r for r in references(child) if r.parent == table.name]
        if len(leading) == 1:
            yield child, None
        else:
            yield from ((child, r.columns[0]) for r in leading if len(r.columns) == 1)


def _scoped(scope: _Scope, top: str, used: set[str]) -> list[str]:
    """Return the productions of the language that can be reached from ``top``, for one scope."""
    by_name: dict[str, list[tuple[str | None, tuple[str, ...]]]] = {}
    for name, alias, symbols in productions():
        by_name.setdefault(name, []).append((alias, symbols))
    waiting, done, lines = [top], set[str](), []
    while waiting:
        name = waiting.pop()
        if name in done or name in _NAMES:
            continue
        done.add(name)
        options: list[str] = []
        for alias, symbols in by_name[name]:
            if alias in _LEFT_OUT or "REGEX" in symbols or (not scope.text and "STRING" in symbols):
                continue
            if set(symbols) & {"matching"} or (not scope.text and "like" in symbols):
                continue
            waiting += [s for s in symbols if s in by_name and s != "per"]
            options.append(" ".join(_symbol(scope, s, used) for s in symbols))
        if name == "comparison":
            # A term alone is a condition only where it is a boolean column.
            options = [scope.flags, *options[1:]] if scope.flags else options[1:]
        if name == "measured":
            # A length of time is a number or a whole column, and a unit.
            amounts = [f"T_NUMBER {_symbol(scope, 'UNIT', used)}"]
            whole = scope.columns_of(IntegerType)
            amounts += [f"({whole}) {_symbol(scope, 'UNIT', used)}"] if whole else []
            options = [options[0], *amounts]
        if name == "atom":
            options.append(scope.rule("call"))
            options += [f"PATH_{scope.tag.upper()}"] if scope.home else []
        if name == "body":
            options.append(scope.rule("sequence"))
        lines.append(f"{scope.rule(name)}: {' | '.join(dict.fromkeys(options))}")
    return lines


def _symbol(scope: _Scope, symbol: str, used: set[str]) -> str:
    if symbol in _NAMES:
        return scope.column
    if symbol == "per":
        return f'"per (" {scope.column} ") "'
    if not symbol.strip("_0123456789").isupper():
        return scope.rule(symbol)
    if symbol == "STRING":
        assert scope.text is not None
        return scope.text
    used.add(symbol)
    return f"T_{symbol.lstrip('_')}"


def _names(scope: _Scope, tables: Sequence[nodes.Table]) -> Iterator[str]:
    """Yield the terminals of a scope's names and texts."""
    yield f"{scope.column}: {_choice(write_name(c) for c in scope.table.column_names)}"
    known = {t.name: t for t in tables}
    paths: dict[str, None] = {}
    tables_read = [scope.table]
    for rule in references(scope.table) if scope.home else ():
        parent = known.get(rule.parent)
        if parent is not None and len(rule.columns) == 1:
            tables_read.append(parent)
            step = write_name(rule.columns[0])
            paths |= {f"{step}.{write_name(c)}": None for c in parent.column_names}
    if scope.home:
        yield f"PATH_H: {_choice(paths or [write_name(scope.table.column_names[0])])}"
    if scope.text is not None:
        columns = [c.type for t in tables_read for c in t.columns]
        values = [v for kind in columns if isinstance(kind, EnumType) for v in kind.values]
        texts = [f"{_literal(write_string(v) + ' ')}" for v in dict.fromkeys(values)][:MAX_VALUES]
        texts += [_FREE_TEXT] if any(isinstance(kind, TextType) for kind in columns) else []
        yield f"{scope.text}: {' | '.join(texts)}"


def _calls(scope: _Scope, children: Sequence[tuple[_Scope, str | None]]) -> Iterator[str]:
    """Yield the functions of a scope: of one row, and in the home over rows."""
    total, condition = scope.rule("sum"), scope.rule("condition")
    pairs = " | ".join(_literal(f"{p}(") for p in ("min", "max", "coalesce"))
    options = [f'"abs(" {total} ") "', f'({pairs}) {total} ", " {total} ") "']
    for functions, kinds in (
        (PARTS[:5], (DateType, DatetimeType)),
        (PARTS[5:], (DatetimeType,)),
        (("length",), (TextType, EnumType)),
    ):
        columns = scope.columns_of(*kinds)
        if columns is not None:
            names = " | ".join(_literal(f"{f}(") for f in functions)
            options.append(f'({names}) ({columns}) ") "')
    if not scope.home:
        yield f"{scope.rule('call')}: {' | '.join(options)}"
        return
    figures = " | ".join(_literal(f"{f}(") for f in AGGREGATES if f != "count")
    where, per = f'("where " {condition})?', f'("per (" {scope.column} ") ")?'
    order = f'"ordered by (" {scope.column} ") "'
    options += [
        f'"count(" {where} ") " {per}',
        f'({figures}) {total} {where} ") " {per}',
        f'"previous(" {scope.column} (", " T_NUMBER)? ") " {per} {order}',
    ]
    for child, via in children:
        of = f"of {write_name(child.table.name)} "
        of += "" if via is None else f"via {write_name(via)} "
        where = f'("where " {child.rule("condition")})?'
        options.append(f'{_literal("count(" + of)} {where} ") "')
        options.append(f'({figures}) {child.rule("sum")} {_literal(of)} {where} ") "')
    yield f"{scope.rule('call')}: {' | '.join(options)}"
    rising = '("increasing(" | "non_decreasing(")'
    measured = scope.columns_of(IntegerType, DecimalType, DateType, DatetimeType) or scope.column
    whole = scope.columns_of(IntegerType) or scope.column
    yield (
        f'{scope.rule("sequence")}: {rising} ({measured}) ") " {per} {order}'
        f' | "gap_free(" ({whole}) ") " {per}'
    )


def _terminals(used: Iterable[str]) -> Iterator[str]:
    """Yield the words and signs of the language that the grammar uses."""
    fixed = literal_terminals()
    for name in sorted({*used, "NUMBER"}):
        if name in _WRITTEN:
            yield f"T_{name.lstrip('_')}: {_WRITTEN[name]}"
        else:
            text = fixed[name]
            yield f"T_{name.lstrip('_')}: {_literal(text if text in _TIGHT else text + ' ')}"


def _choice(texts: Iterable[str]) -> str:
    return f'({" | ".join(map(_literal, texts))}) " "'


def _literal(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
