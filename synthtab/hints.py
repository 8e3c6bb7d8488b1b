"""What values look like where no data say it: shapes of distributions, kinds of text, NULL shares.

A hint is public knowledge that a rules file declares after ``~``. It is no rule: no row is refused
for it, and nothing but a generator without data reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from types import MappingProxyType

# Kinds of text, each with what it gives. In a rules file they are written `like_name`, and so on.
KINDS: Mapping[str, str] = MappingProxyType(
    {
        "name": "a person's whole name",
        "first_name": "a given name",
        "last_name": "a family name",
        "username": "a name to log in with",
        "email": "an address for mail at a domain that is kept for examples",
        "phone": "a telephone number",
        "street": "a street with a number",
        "city": "a town",
        "postcode": "a postal code",
        "state": "a state or province",
        "country": "a country's name",
        "country_code": "a country's two letters",
        "company": "a company's name",
        "job": "an occupation",
        "iban": "an account number with its check digits",
        "currency": "a currency's three letters",
        "url": "an address of a web page",
        "ip": "an address of the internet, version 4",
        "color": "a colour's name",
        "word": "one word",
        "sentence": "a sentence of no meaning",
    }
)


@dataclass(frozen=True)
class Uniform:
    """Every value of the column's range is as likely as any other."""


@dataclass(frozen=True)
class Normal:
    """A bell around ``mean``; ``spread`` is the standard deviation.

    For dates and datetimes the mean is one, and the spread a length of time.
    """

    mean: Decimal | date
    spread: Decimal | timedelta


@dataclass(frozen=True)
class Lognormal:
    """Positive numbers with a long tail; ``mean`` and ``spread`` are those of the values."""

    mean: Decimal
    spread: Decimal


@dataclass(frozen=True)
class Exponential:
    """Numbers from 0 on, each next one less likely."""

    mean: Decimal


@dataclass(frozen=True)
class Poisson:
    """Counts of what happens ``mean`` times on average."""

    mean: Decimal


@dataclass(frozen=True)
class Weights:
    """How often each value of an enum or boolean comes up, in proportion; others do not."""

    pairs: tuple[tuple[str | bool, Decimal], ...]


@dataclass(frozen=True)
class Like:
    """Texts that look like the real thing; ``kind`` is one of KINDS."""

    kind: str


Shape = Uniform | Normal | Lognormal | Exponential | Poisson | Weights | Like


@dataclass(frozen=True)
class Hint:
    """What a column's values look like, and which share of its cells is NULL (None: not said)."""

    shape: Shape | None = None
    nulls: Decimal | None = None
