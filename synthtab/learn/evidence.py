"""What speaks for a rule: in how many rows it says something, and how little chance explains it.

Independent columns are what everything is measured against: ``expected`` is how many rows would
break a rule if the columns it relates had nothing to do with each other. A rule is worth stating
where far fewer do, so few that no table of this size shows it by chance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from synthtab.ir import nodes

LEAST_SURPRISE = 22.0
"""In nats: chance explains one rule in three billion, as many as are ever tried."""
MOST_OF_EXPECTED = 0.1
"""A soft rule is broken by this share at most of the rows that chance would have break it."""


@dataclass(frozen=True)
class Options:
    """How much has to speak for a rule, and how many are told.

    ``soft`` is the least confidence of a soft rule, ``least_support`` the rows a rule has to speak
    of, ``most`` the number of rules of one kind for a table.
    """

    soft: float = 0.98
    least_support: int = 30
    most: int = 20


@dataclass(frozen=True)
class Found:
    """A rule, the rows about which it says something, and how many chance would have break it.

    ``broken`` is how many do break it; ``kind`` is what the number of rules is limited by.
    """

    kind: str
    rule: nodes.Rule
    support: int
    expected: float
    broken: int = 0

    @property
    def confidence(self) -> float:
        """The share of the rows it speaks of that keep it."""
        return 1.0 - self.broken / self.support if self.support else 1.0

    @property
    def interest(self) -> float:
        """How unlikely the rule is by chance, in nats."""
        return surprise(self.expected, self.broken)


def surprise(expected: float, broken: int) -> float:
    """Return how unlikely so few broken rows are, in nats (Chernoff's bound); 0 if they are not."""
    if broken >= expected:
        return 0.0
    return expected - broken + (broken * math.log(broken / expected) if broken else 0.0)


def worth(expected: float, broken: int, support: int, options: Options) -> bool:
    """Say whether to state a rule that so many of the rows it speaks of break."""
    return (
        support >= options.least_support
        and broken <= (1 - options.soft) * support
        and broken <= MOST_OF_EXPECTED * expected
        and surprise(expected, broken) >= LEAST_SURPRISE
    )
