"""Numbers, dates and units as English writes them."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal

from synthtab.ir.expressions import ShiftUnit

_NUMBERS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
]
_TENS = ["thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SPELLED = {
    **{word: number for number, word in enumerate(_NUMBERS)},
    **{word: number for number, word in zip(range(30, 100, 10), _TENS, strict=True)},
    "a hundred": 100,
    "one hundred": 100,
    "a thousand": 1000,
    "one thousand": 1000,
}
_SCALES = {"k": 1000, "thousand": 1000, "m": 1_000_000, "million": 1_000_000}
_MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_TIMES = {
    "twice": Decimal(2),
    "double": Decimal(2),
    "half": Decimal("0.5"),
    "a quarter": Decimal("0.25"),
    "a tenth": Decimal("0.1"),
}
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def number(text: str) -> int | Decimal:
    """Return the number of ``18``, ``$5,000``, ``5k``, ``2 million`` or ``eighteen``."""
    said = " ".join(text.lower().split())
    if said in _SPELLED:
        return _SPELLED[said]
    found = re.fullmatch(r"[$€£]?(-?[0-9][0-9,_]*(?:\.[0-9]+)?) ?(k|m|thousand|million)?", said)
    if found is None:
        raise ValueError(f"{text!r} is not a number")
    digits = Decimal(re.sub(r"[,_]", "", found[1])) * _SCALES.get(found[2], 1)
    return whole(digits)


def percentage(text: str) -> Decimal:
    """Return the share that ``5%`` or ``5 percent`` stands for."""
    return Decimal(re.sub(r"[^0-9.]", "", text)) / 100


def multiple(text: str) -> int | Decimal:
    """Return the factor of ``twice``, ``half`` or ``three times``."""
    said = " ".join(text.lower().split())
    if said.endswith(" times"):
        return number(said.removesuffix(" times"))
    if said not in _TIMES:
        raise ValueError(f"{text!r} is not an exact decimal; write it as a division")
    return whole(_TIMES[said])


def whole(value: Decimal) -> int | Decimal:
    """Return an int where the value is one."""
    return int(value) if value == value.to_integral_value() else value.normalize()


def day(text: str) -> date | datetime:
    """Return the day or moment of ``2020-01-31``, ``31 January 2020`` or ``January 31, 2020``.

    Raises ValueError where the calendar has no such day.
    """
    if re.match(r"[0-9]{4}-", text):
        return (
            datetime.fromisoformat(text.upper())
            if "t" in text.lower()
            else date.fromisoformat(text)
        )
    numbers = [int(n) for n in re.findall(r"[0-9]+", text)]
    month = next(at for at, name in enumerate(_MONTHS, 1) if name in text.lower())
    return date(numbers[1], month, numbers[0])


def unit(text: str) -> ShiftUnit | None:
    """Return a unit of time in the plural, None for money and pieces."""
    plural = text.lower().rstrip("s") + "s"
    match plural:
        case "years" | "months" | "weeks" | "days" | "hours" | "minutes" | "seconds":
            return plural
    return None


def weekdays(text: str) -> tuple[int, ...]:
    """Return the ISO weekdays of ``Monday``, ``a weekday`` or ``the weekend``."""
    said = text.lower()
    if "weekend" in said:
        return (6, 7)
    if "weekday" in said or "working" in said:
        return (1, 2, 3, 4, 5)
    return tuple(at for at, name in enumerate(DAYS, 1) if name in said)
