"""How terms and atoms move as one column grows, everything else being fixed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from synthtab.backends.smt import Hidden
from synthtab.ir import core
from synthtab.ir.corewalk import variables
from synthtab.solver.formula import Atom
from synthtab.solver.months import calendar_shape

Shape = Literal["constant", "affine", "up", "down", "monthly", "weekly", "other"]


def shape_in(term: core.Term | core.TextIs | core.TextMatch, name: str) -> Shape:
    """Say how a term moves as column ``name`` grows, everything else being fixed.

    ``affine``: a constant slope of unknown sign; ``up`` and ``down``: monotone, not strictly;
    ``monthly`` and ``weekly``: a calendar part that changes with the month, or every week alike.
    """
    if name not in variables(term):
        return "constant"
    if (part := calendar_shape(term, name)) is not None:
        return part
    match term:
        case core.Var():
            return "affine"
        case core.Sum(parts):
            return _add([_scaled(shape_in(t, name), a, t, name) for a, t in parts])
        case core.Product(left, right):
            shapes = {shape_in(left, name), shape_in(right, name)}
            return "affine" if shapes == {"constant", "affine"} else "other"
        case core.FloorDiv(operand, _):
            return _direction(operand, name)
        case core.CalendarPart("year", days):
            return _direction(days, name)
        case core.AddMonths(base, months, _):
            return _add([_direction(base, name), _direction(months, name)])
        case _:
            return "other"


def _direction(term: core.Term, name: str) -> Shape:
    """Like shape_in, with the sign of an affine term worked out where its slope is a constant."""
    match term:
        case core.Var(var):
            return "up" if var == name else "constant"
        case core.Sum(parts):
            shapes: list[Shape] = []
            for a, part in parts:
                inner = _direction(part, name)
                flipped: dict[Shape, Shape] = {"up": "down", "down": "up"}
                shapes.append(flipped.get(inner, inner) if a < 0 else inner)
            return _add(shapes)
        case _:
            shape = shape_in(term, name)
            return "other" if shape == "affine" else shape


def _scaled(shape: Shape, factor: int, term: core.Term, name: str) -> Shape:
    if shape in {"up", "down"} and factor < 0:
        return "down" if shape == "up" else "up"
    return shape


def _add(shapes: list[Shape]) -> Shape:
    moving = [s for s in shapes if s != "constant"]
    if not moving:
        return "constant"
    if len(set(moving)) > 1 or (len(moving) > 1 and moving[0] in {"monthly", "weekly"}):
        return "other"
    return moving[0]


def atom_shape(atom: Atom, column: str, hidden: Mapping[str, Hidden]) -> Shape:
    """Say how an atom's sum moves with the column, hidden terms made of it included."""
    shapes: list[Shape] = []
    affine_up: Shape = "affine"
    for name, a in atom.coefficients:
        if name == column:
            affine_up = "up" if a > 0 else "down"
            shapes.append("affine")
        elif name in hidden:
            shapes.append(_scaled(shape_in(hidden[name].term, column), a, core.Const(0), column))
    moving = {s for s in shapes if s != "constant"}
    if moving == {"affine", affine_up}:
        return affine_up
    return _add(shapes)
