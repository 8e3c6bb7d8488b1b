"""Breaking a condition into lines, at its loosest operators first."""

from __future__ import annotations

from collections.abc import Sequence

from synthtab.ir import nodes
from synthtab.lang.write import (
    IFF,
    LISTED,
    NOT,
    OR,
    PRODUCT,
    SUM,
    WHEN,
    format_node,
    format_value,
    level_of,
    write,
)

_INDENT = "  "


def broken(node: nodes.Condition, width: int) -> list[str]:
    """Return a condition as lines of at most ``width`` characters, where it can be broken."""
    whole = format_node(node)
    if len(whole) <= width:
        return [whole]
    match node:
        case nodes.When(premise, conclusion):
            return _led("when ", premise, WHEN, width) + _led("then ", conclusion, WHEN, width)
        case nodes.And(args):
            return _joined("and ", args, NOT, width)
        case nodes.Or(args):
            return _joined("or ", args, NOT, width)
        case nodes.Iff(left, right):
            return _joined("iff ", (left, right), OR, width)
        case nodes.Not(operand) if level_of(node) == NOT:
            return _led("not ", operand, NOT, width)
        case nodes.Compare(op, left, nodes.Case() as case):
            return _case(f"{write(left, LISTED)} {op} ", case, "")
        case nodes.Compare(op, nodes.Case() as case, right):
            return _case("", case, f" {op} {write(right, LISTED)}")
        case nodes.Compare(op, nodes.Add() | nodes.Subtract() as left, right):
            return _sum(left, f"{op} {write(right, LISTED)}", width)
        case nodes.Compare(op, left, right):
            return [write(left, LISTED), f"{_INDENT}{op} {write(right, LISTED)}"]
        case nodes.In(operand, options):
            return _list(f"{write(operand, SUM)} in (", options, width)
        case nodes.Not(nodes.In(operand, options)):
            return _list(f"{write(operand, SUM)} not in (", options, width)
    return [whole]


def _joined(word: str, args: Sequence[nodes.Condition], level: int, width: int) -> list[str]:
    lines = _led("", args[0], level, width)
    for arg in args[1:]:
        lines += _led(word, arg, level, width)
    return lines


def _led(word: str, node: nodes.Condition, level: int, width: int) -> list[str]:
    """Break ``word node``; further lines are indented under the first."""
    inner = width - len(word)
    if level_of(node) < level:
        parts = broken(node, inner - 1)
        parts = [f"({parts[0]}", *(f" {p}" for p in parts[1:])]
        parts[-1] += ")"
    else:
        parts = broken(node, inner)
    return [word + parts[0], *(" " * len(word) + p for p in parts[1:])]


def _list(head: str, options: Sequence[nodes.Literal], width: int) -> list[str]:
    lines: list[str] = []
    line = head
    for at, option in enumerate(options):
        piece = format_value(option.value) + (", " if at < len(options) - 1 else ")")
        if len(line) + len(piece.rstrip()) > width and line.strip():
            lines.append(line.rstrip())
            line = _INDENT
        line += piece
    return [*lines, line]


def _case(head: str, case: nodes.Case, tail: str) -> list[str]:
    """Put each branch on a line of its own."""
    lines = [f"when {write(c, IFF)} then {write(t, SUM)}" for c, t in case.branches]
    if case.otherwise is not None:
        lines.append(f"else {write(case.otherwise, SUM)}")
    return [f"{head}case", *(_INDENT + line for line in lines), f"end{tail}"]


def _sum(term: nodes.Term, tail: str, width: int) -> list[str]:
    """Break before a sign, or before the operator that follows the sum."""
    pieces = [tail]
    while isinstance(term, nodes.Add | nodes.Subtract):
        sign = "+" if isinstance(term, nodes.Add) else "-"
        pieces.append(f"{sign} {write(term.right, PRODUCT)}")
        term = term.left
    lines = [write(term, SUM)]
    for piece in reversed(pieces):
        if len(lines[-1]) + 1 + len(piece) <= width:
            lines[-1] += f" {piece}"
        else:
            lines.append(_INDENT + piece)
    return lines
