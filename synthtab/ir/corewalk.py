"""Reading lowered terms and conditions: the variables they mention, and what they look like."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from synthtab.ir import core


def descendants(node: core.Cond | core.Term) -> Iterator[core.Cond | core.Term]:
    """Yield the node and everything below it, in the order written."""
    stack: list[object] = [node]
    while stack:
        top = stack.pop()
        if isinstance(top, tuple):
            stack.extend(reversed(top))
        elif is_dataclass(top):
            yield top  # type: ignore[misc]
            stack.extend(getattr(top, f.name) for f in reversed(fields(top)))


def variables(node: core.Cond | core.Term) -> tuple[str, ...]:
    """Return the names of the variables a condition or term reads, each once, in order."""
    return tuple(dict.fromkeys(n.name for n in descendants(node) if isinstance(n, core.Var)))


def show(node: core.Cond | core.Term) -> str:
    """Return a short text for a core term, for people: ``year(hire_date)``, ``price * amount``."""
    match node:
        case core.Var(name):
            return name
        case core.Const(value):
            return str(value)
        case core.Null():
            return "null"
        case core.Sum(parts, constant):
            out = ""
            for factor, part in parts:
                sign = " - " if factor < 0 else " + "
                size = "" if abs(factor) == 1 else f"{abs(factor)}*"
                out += f"{sign}{size}{show(part)}"
            if constant:
                out += f" {'-' if constant < 0 else '+'} {abs(constant)}"
            return "(" + out.removeprefix(" + ").strip() + ")"
        case core.Product(left, right):
            return f"{show(left)} * {show(right)}"
        case core.FloorDiv(operand, divisor):
            return f"floor({show(operand)} / {divisor})"
        case core.AddMonths(base, months, _):
            return f"{show(base)} + {show(months)} months"
        case core.CalendarPart(part, days):
            return f"{part}({show(days)})"
        case core.TextLength(var):
            return f"length({var.name})"
        case core.TextIs(var, text):
            return f"{var.name} = {text!r}"
        case core.TextMatch(var, pattern):
            return f"{var.name} matching /{pattern}/"
        case _:
            return "case(" + ", ".join(variables(node)) + ")"
