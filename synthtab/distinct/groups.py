"""Different values within groups: each row one of its own values, none twice in its group."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from synthtab.batch import Codes, Mask
from synthtab.solver.feasible import Feasible


def fill(
    allowed: Feasible,
    groups: NDArray[np.int64],
    rng: np.random.Generator,
    taken: Iterable[tuple[int, int]] = (),
) -> tuple[Codes, Mask]:
    """Give each row (R,) a code that no other row of its group has; NULLs are not given.

    ``allowed`` says what each row may hold, ``groups`` (R,) which rows belong together, ``taken``
    the pairs (group, code) that are gone already. Returns the codes (R,), 0 where there is none,
    and which rows got one. As many rows of a group get one as can: a row moves to another of its
    values where that makes room (a maximum matching, by augmenting paths).
    """
    gone: dict[int, set[int]] = {}
    for group, code in taken:
        gone.setdefault(int(group), set()).add(int(code))
    codes = np.zeros(len(allowed), dtype=np.int64)
    given = np.zeros(len(allowed), dtype=bool)
    order = np.lexsort((rng.random(len(groups)), groups))
    cuts = np.flatnonzero(np.diff(groups[order])) + 1
    for rows in np.split(order, cuts) if len(order) else ():
        used = gone.get(int(groups[rows[0]]), set())
        # With a value more than others can take, a row always finds one.
        enough = len(rows) + len(used)
        options = {int(r): _some(allowed, int(r), enough, used, rng) for r in rows}
        for code, row in _matched(options).items():
            codes[row], given[row] = code, True
    return codes, given


def _some(
    allowed: Feasible, row: int, enough: int, used: set[int], rng: np.random.Generator
) -> list[int]:
    """Return up to ``enough`` different codes of a row's set, in random order, less ``used``."""
    step = allowed.stride
    pieces = [
        range(int(lo), int(hi) + 1, step)
        for lo, hi in zip(allowed.lo[row], allowed.hi[row], strict=True)
        if lo <= hi
    ]
    sizes = [(p[-1] - p[0]) // step + 1 for p in pieces]
    total = sum(sizes)
    if total <= 4 * enough:
        found = [code for piece in pieces for code in piece if code not in used]
        return [found[k] for k in rng.permutation(len(found))[:enough]]
    picked: dict[int, None] = {}
    while len(picked) < enough:
        at = int(rng.integers(min(total, 2**62)))
        for piece, size in zip(pieces, sizes, strict=True):
            if at < size:
                picked[piece[0] + at * step] = None
                break
            at -= size
    return [code for code in picked if code not in used]


def _matched(options: dict[int, list[int]]) -> dict[int, int]:
    """Return which row each code goes to, for as many rows as possible."""
    owner: dict[int, int] = {}
    for row in options:
        _settle(row, options, owner)
    return owner


def _settle(row: int, options: dict[int, list[int]], owner: dict[int, int]) -> None:
    """Give a row a code, moving owners along a shortest path of exchanges where that is needed."""
    came: dict[int, int] = {}
    level = [row]
    while level:
        following = []
        for asker in level:
            for code in options[asker]:
                if code in came:
                    continue
                came[code] = asker
                if code not in owner:
                    _exchange(row, code, came, owner)
                    return
                following.append(owner[code])
        level = following


def _exchange(row: int, code: int, came: dict[int, int], owner: dict[int, int]) -> None:
    """Follow the path back from a free code, each asker taking the code it found."""
    held = {r: c for c, r in owner.items()}
    while True:
        asker = came[code]
        before = held.get(asker)
        owner[code] = asker
        if asker == row:
            return
        assert before is not None
        code = before
