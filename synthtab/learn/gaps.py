"""Numbers that are zero or well above it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from synthtab.ir import nodes
from synthtab.learn.evidence import Found, Options, worth
from synthtab.learn.fields import Field, slug

_STEPS = 3  # as many steps between neighbouring values lie between zero and the least


def gaps(fields: Sequence[Field], options: Options) -> list[Found]:
    """Return ``x = 0 or x >= c``, where values as dense as above ``c`` would lie below it."""
    found = []
    for field in fields:
        codes = field.codes[~field.nulls]
        above = np.sort(codes[codes > 0])
        if field.measure != "number" or len(codes) == 0 or codes.min() < 0:
            continue
        if len(above) == len(codes) or len(above) < options.least_support or above[0] < 2:
            continue
        least, middle = int(above[0]), int(above[len(above) // 2])
        lower = np.unique(above[above <= middle])
        if len(lower) < 2 or least < _STEPS * np.median(np.diff(lower)):
            continue
        density = (above < middle).sum() / max(1, middle - least)
        expected = float(density * (least - 1))
        if field.groups.count > 20 and worth(expected, 0, len(above), options):
            zero = nodes.Compare("=", field.term, nodes.Literal(0))
            bound = nodes.Compare(">=", field.term, field.literal(least))
            condition = nodes.Or((zero, bound))
            rule = nodes.RowRule(slug(field.label, "zero_or_more"), condition)
            found.append(Found("gaps", rule, len(above), expected))
    return found
