"""The tests' PostgreSQL server; where there is none, what needs it is skipped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bench import postgres


@contextmanager
def server() -> Iterator[str]:
    """Start a server and give the URL of an empty database; skip where there is no PostgreSQL."""
    try:
        place = postgres.server()
        url = place.__enter__()
    except postgres.NoServerError as error:
        pytest.skip(str(error))
    try:
        yield url
    finally:
        place.__exit__(None, None, None)
