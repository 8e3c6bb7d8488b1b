"""Smallest sets that have something in common with each of given sets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def hitting_sets(
    sets: Sequence[frozenset[str]], order: Sequence[str], most: int
) -> Iterator[frozenset[str]]:
    """Yield sets of at most ``most`` elements that meet each of ``sets``, each once.

    Every smallest such set is among them; elements that come first in ``order`` are tried first.
    """
    place = {name: at for at, name in enumerate(order)}
    seen: set[frozenset[str]] = set()

    def extend(chosen: frozenset[str]) -> Iterator[frozenset[str]]:
        if chosen in seen:
            return
        seen.add(chosen)
        missed = [one for one in sets if not one & chosen]
        if not missed:
            yield chosen
        elif len(chosen) < most:
            fewest = min(missed, key=len)
            for name in sorted(fewest, key=place.__getitem__):
                yield from extend(chosen | {name})

    yield from extend(frozenset())
