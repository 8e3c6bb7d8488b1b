"""Projected formulas in words: codes become the values people wrote."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from synthtab.backends.smt import HIDDEN_PREFIX, NULL_SUFFIX
from synthtab.ir import nodes
from synthtab.schema import (
    BooleanType,
    Column,
    DateType,
    DecimalType,
    EnumType,
    decode_value,
    type_domain,
)
from synthtab.solver.formula import All, Atom, Formula, Some, atoms

MAX_ATOMS = 12
_FLIPPED = {"<=": ">=", "=": "=", "!=": "!="}


def explain(formula: Formula, table: nodes.Table) -> str:
    """Return a formula as text in the manner of the rules language, shortened where it is long."""
    columns = {c.name: c for c in table.columns}
    count = sum(1 for _ in atoms(formula))
    if count > MAX_ATOMS:
        named = {_plain(n) for a in atoms(formula) for n, _ in a.coefficients}
        return f"a formula of {count} comparisons over {', '.join(sorted(named))}"
    return _show(formula, columns)


def _show(formula: Formula, columns: Mapping[str, Column]) -> str:
    match formula:
        case Atom():
            return _atom(formula, columns)
        case All(args):
            parts = [_show(a, columns) for a in args]
            return " and ".join(
                f"({p})" if isinstance(a, Some) else p for p, a in zip(parts, args, strict=True)
            )
        case Some(args):
            return " or ".join(
                f"({_show(a, columns)})" if isinstance(a, All) else _show(a, columns) for a in args
            )


def _atom(atom: Atom, columns: Mapping[str, Column]) -> str:
    if len(atom.coefficients) == 1 and atom.kind in {"le", "eq", "ne"}:
        (name, a), constant = atom.coefficients[0], atom.constant
        op = {"le": "<=", "eq": "=", "ne": "!="}[atom.kind]
        if name.endswith(NULL_SUFFIX):
            present = (atom.kind == "ne") == (constant == -1)
            return f"{_plain(name)} is {'not ' if present else ''}null"
        bound = -constant // a if a > 0 or atom.kind != "le" else -(constant // a)
        column = columns.get(name)
        if column is not None and isinstance(column.type, EnumType | BooleanType):
            return _listed(name, a, op, bound, column)
        shown = _value(bound, column)
        return f"{_plain(name)} {op if a > 0 else _FLIPPED[op]} {shown}"
    left = [(n, a) for n, a in atom.coefficients if a > 0]
    right = [(n, -a) for n, a in atom.coefficients if a < 0]
    note = _note([n for n, _ in atom.coefficients], columns)
    if atom.kind in {"div", "ndiv"}:
        verb = "is" if atom.kind == "div" else "is not"
        return f"{_sum(atom.coefficients, atom.constant)} {verb} a multiple of {atom.modulus}{note}"
    op = {"le": "<=", "eq": "=", "ne": "!="}[atom.kind]
    constant = atom.constant
    return f"{_sum(left, max(constant, 0))} {op} {_sum(right, max(-constant, 0))}{note}"


def _listed(name: str, a: int, op: str, bound: int, column: Column) -> str:
    """Show a comparison of an enum with a position as the values it admits."""
    lo, hi = type_domain(column.type)
    match op:
        case "=" | "!=":
            return f"{name} {op} {_value(bound, column)}"
        case _ if a > 0:
            codes = range(lo, bound + 1)
        case _:
            codes = range(bound, hi + 1)
    if len(codes) == 1:
        return f"{name} = {_value(codes[0], column)}"
    return f"{name} in ({', '.join(_value(c, column) for c in codes)})"


def _value(code: int, column: Column | None) -> str:
    if column is None:
        return str(code)
    lo, hi = type_domain(column.type)
    if not lo <= code <= hi:
        return str(code)
    value = decode_value(column.type, code)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"'{value}'"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.isoformat() if isinstance(value, date) else str(value)


def _sum(parts: list[tuple[str, int]] | tuple[tuple[str, int], ...], constant: int) -> str:
    out = ""
    for name, a in parts:
        term = _plain(name) if abs(a) == 1 else f"{abs(a)}*{_plain(name)}"
        out += term if not out and a > 0 else f" {'-' if a < 0 else '+'} {term}"
    if constant or not out:
        out += f" {'-' if constant < 0 else '+'} {abs(constant)}" if out else str(constant)
    return out.strip()


def _note(names: list[str], columns: Mapping[str, Column]) -> str:
    """Say which unit the numbers are in where columns are not plain integers."""
    units = set()
    for name in names:
        match columns[name].type if name in columns else None:
            case DecimalType(_, scale) if scale:
                units.add(f"in units of {1 / 10**scale:.{scale}f}")
            case DateType():
                units.add("in days")
            case EnumType() | BooleanType():
                units.add("by position")
    return f" ({', '.join(sorted(units))})" if units else ""


def _plain(name: str) -> str:
    return name.removeprefix(HIDDEN_PREFIX).removesuffix(NULL_SUFFIX)
