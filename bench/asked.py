"""What a measurement of tables was asked for on its command line, as it says so again."""

from __future__ import annotations

from collections.abc import Sequence


def command_line(name: str, only: Sequence[str], **numbers: int | None) -> str:
    """Return the command: tables by ``--only``, each once, then the numbers that were given."""
    options = [f"--only {table}" for table in dict.fromkeys(only)]
    options += [f"--{key} {number}" for key, number in numbers.items() if number is not None]
    return " ".join([f"python -m bench {name}", *options])


def times(seeds: int | None, usual: int) -> int:
    """Return how often each table is measured; SystemExit where that is not once."""
    many = usual if seeds is None else seeds
    if many < 1:
        raise SystemExit(f"bench: --seeds {many}: each table is measured at least once")
    return many
