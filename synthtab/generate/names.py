"""Texts that look like the real thing, from Faker (the extra ``synthtab[names]``)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from synthtab.errors import UsageError

# What Faker calls each kind of hints.KINDS.
METHODS: Mapping[str, str] = MappingProxyType(
    {
        "name": "name",
        "first_name": "first_name",
        "last_name": "last_name",
        "username": "user_name",
        "email": "safe_email",
        "phone": "phone_number",
        "street": "street_address",
        "city": "city",
        "postcode": "postcode",
        "state": "state",
        "country": "country",
        "country_code": "country_code",
        "company": "company",
        "job": "job",
        "iban": "iban",
        "currency": "currency_code",
        "url": "url",
        "ip": "ipv4",
        "color": "color_name",
        "word": "word",
        "sentence": "sentence",
    }
)
# The most texts of a kind that are made, at about 0.1 ms each, where they may come up again.
MOST = 8_192
_LEAST = 256


def lookalikes(
    kind: str, n: int, rng: np.random.Generator, *, fresh: bool = False
) -> NDArray[np.object_]:
    """Return ``n`` texts of a kind of hints.KINDS; the same state of ``rng`` gives the same ones.

    They come from a stock that is made once. Where ``fresh``, each is made anew, which is slow for
    many; two may still be equal. Raises UsageError where Faker is not installed.
    """
    if fresh:
        return _made(kind, n, int(rng.integers(2**62)))
    size = _LEAST
    while size < min(n, MOST):
        size *= 2
    stock = _stock(kind, size)
    return stock[rng.permutation(size)[:n] if n <= size else rng.integers(0, size, n)]


@cache
def _stock(kind: str, size: int) -> NDArray[np.object_]:
    return _made(kind, size, size)


def _made(kind: str, n: int, seed: int) -> NDArray[np.object_]:
    try:
        from faker import Faker  # an extra, and slow to import
    except ImportError:
        raise UsageError(
            f"texts `like_{kind}` come from Faker, which is not installed: "
            "pip install 'synthtab[names]', or leave the hint out"
        ) from None
    source = Faker()
    source.seed_instance(seed)
    make = getattr(source, METHODS[kind])
    out = np.empty(n, dtype=object)
    # An address of several lines is one text.
    out[:] = [str(make()).replace("\n", ", ") for _ in range(n)]
    return out
