"""Regular expressions of exactly the numbers, dates and times between two bounds.

They use only what Python, RE2, Rust and ECMAScript read alike, and whatever has alternatives is in
a group of its own, so that the results can be joined end to end. Where one alternative is the start
of another (1 of 12), the longer one comes first: Outlines takes the first alternative that matches,
and would never go on from 1 to 12.
"""

from __future__ import annotations

from collections.abc import Iterable

from synthtab.ir.calendar import civil_from_days
from synthtab.schema import DAY_SECONDS

_LONG, _SHORT = "(?:0[13578]|1[02])", "(?:0[469]|11)"
_DAYS_TO_28 = "(?:0[1-9]|1[0-9]|2[0-8])"
_ANY_DAY = (
    f"(?:{_LONG}-(?:0[1-9]|[12][0-9]|3[01])|{_SHORT}-(?:0[1-9]|[12][0-9]|30)|02-{_DAYS_TO_28})"
)
_LEAP_IN_CENTURY = "(?:0[48]|[2468][048]|[13579][26])"


def number_regex(lo: int, hi: int, *, width: int | None = None) -> str:
    """Return the regular expression of the whole numbers ``lo`` to ``hi``, both included.

    Without ``width`` they are written as ``str`` does. With it, they are padded with zeros to that
    many digits, a sign apart. Raises ValueError for an empty range or a ``width`` too small.
    """
    if lo > hi:
        raise ValueError(f"no number is between {lo} and {hi}")
    if width is not None and len(str(max(abs(lo), abs(hi)))) > width:
        raise ValueError(f"the numbers {lo} to {hi} do not all fit in {width} digits")
    options = []
    if lo < 0:
        options.append("-" + _magnitudes(max(1, -hi), -lo, width))
    if hi >= 0:
        options.append(_magnitudes(max(0, lo), hi, width))
    return _any(options)


def decimal_regex(lo: int, hi: int, scale: int) -> str:
    """Return the regular expression of decimals whose codes (times 10**scale) are ``lo`` to ``hi``.

    They are written plainly, always with ``scale`` digits after the point: ``-0.50``, ``12.30``.
    """
    if lo > hi:
        raise ValueError(f"no number is between {lo} and {hi}")
    if scale == 0:
        return number_regex(lo, hi)
    options = []
    if lo < 0:
        options.append("-" + _decimals(max(1, -hi), -lo, scale))
    if hi >= 0:
        options.append(_decimals(max(0, lo), hi, scale))
    return _any(options)


def date_regex(lo: int, hi: int) -> str:
    """Return the regular expression of the ISO dates (2024-02-29) between two day numbers.

    Leap years are exact. Raises ValueError for an empty range or years outside 1 to 9999.
    """
    if lo > hi:
        raise ValueError(f"no day is between the day numbers {lo} and {hi}")
    first, last = civil_from_days(lo), civil_from_days(hi)
    if first[0] < 1 or last[0] > 9999:
        raise ValueError(f"the years {first[0]} to {last[0]} are not within 1 to 9999")
    if first[0] == last[0]:
        return f"{first[0]:04d}-{_in_year(first[0], first[1:], last[1:])}"
    options = []
    from_year, to_year = first[0], last[0]
    if first[1:] != (1, 1):
        options.append(f"{from_year:04d}-{_in_year(from_year, first[1:], (12, 31))}")
        from_year += 1
    tail = []
    if last[1:] != (12, 31):
        tail.append(f"{to_year:04d}-{_in_year(to_year, (1, 1), last[1:])}")
        to_year -= 1
    if from_year <= to_year:
        options.append(f"{number_regex(from_year, to_year, width=4)}-{_ANY_DAY}")
        leap = _leap_years(from_year, to_year)
        if leap:
            options.append(f"{_any(leap)}-02-29")
    return _any(options + tail)


def datetime_regex(lo: int, hi: int, resolution: int, *, mark: str = " ") -> str:
    """Return the regular expression of the datetimes between two ticks of ``resolution`` seconds.

    They are written ``2024-02-29 23:59:59``, with ``mark`` between day and time.
    """
    per_day = DAY_SECONDS // resolution
    (first, start), (last, end) = divmod(lo, per_day), divmod(hi, per_day)
    if first == last:
        return date_regex(first, first) + mark + _clock(start, end, resolution)
    options = []
    if start:
        options.append(date_regex(first, first) + mark + _clock(start, per_day - 1, resolution))
        first += 1
    tail = []
    if end < per_day - 1:
        tail.append(date_regex(last, last) + mark + _clock(0, end, resolution))
        last -= 1
    if first <= last:
        options.append(date_regex(first, last) + mark + _clock(0, per_day - 1, resolution))
    return _any(options + tail)


def escape(text: str) -> str:
    """Return the regular expression of one string, escaped for every engine alike."""
    return "".join(f"\\{c}" if c in "\\.+*?()|[]{}^$" else c for c in text)


def _magnitudes(lo: int, hi: int, width: int | None) -> str:
    """Return the numbers from ``lo`` >= 0, padded to ``width`` or of as few digits as they need."""
    if width is not None:
        return _digits(str(lo).zfill(width), str(hi).zfill(width))
    options = []
    for length in range(len(str(hi)), len(str(lo)) - 1, -1):
        least = 0 if length == 1 else 10 ** (length - 1)
        start, end = max(lo, least), min(hi, 10**length - 1)
        options.append(_digits(str(start), str(end)))
    return _any(options)


def _digits(lo: str, hi: str) -> str:
    """Return the strings of digits from ``lo`` to ``hi``, which are of one length."""
    if not lo:
        return ""
    if lo[0] == hi[0]:
        return lo[0] + _digits(lo[1:], hi[1:])
    rest = len(lo) - 1
    options = []
    first, last = int(lo[0]), int(hi[0])
    if lo[1:] != "0" * rest:
        options.append(lo[0] + _digits(lo[1:], "9" * rest))
        first += 1
    tail = []
    if hi[1:] != "9" * rest:
        tail.append(hi[0] + _digits("0" * rest, hi[1:]))
        last -= 1
    if first <= last:
        options.append(_digit(first, last) + _free(rest))
    return _any(options + tail)


def _digit(first: int, last: int) -> str:
    return str(first) if first == last else f"[{first}-{last}]"


def _free(count: int) -> str:
    return "" if count == 0 else "[0-9]" if count == 1 else f"[0-9]{{{count}}}"


def _decimals(lo: int, hi: int, scale: int) -> str:
    unit = 10**scale
    (first, start), (last, end) = divmod(lo, unit), divmod(hi, unit)

    def part(whole: str, least: int, most: int) -> str:
        return f"{whole}\\.{_digits(str(least).zfill(scale), str(most).zfill(scale))}"

    if first == last:
        return part(str(first), start, end)
    options = []
    if start:
        options.append(part(str(first), start, unit - 1))
        first += 1
    tail = []
    if end < unit - 1:
        tail.append(part(str(last), 0, end))
        last -= 1
    if first <= last:
        options.append(part(_magnitudes(first, last, None), 0, unit - 1))
    return _any(options + tail)


def _in_year(year: int, first: tuple[int, int], last: tuple[int, int]) -> str:
    """Return the ``mm-dd`` from one day of a year to another."""

    def days(month: int, start: int, end: int) -> str:
        return f"{month:02d}-{number_regex(start, end, width=2)}"

    lengths = [31, 29 if _is_leap(year) else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    if first[0] == last[0]:
        return days(first[0], first[1], last[1])
    options = [days(first[0], first[1], lengths[first[0] - 1])]
    options += [days(m, 1, lengths[m - 1]) for m in range(first[0] + 1, last[0])]
    return _any([*options, days(last[0], 1, last[1])])


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _leap_years(first: int, last: int) -> list[str]:
    """Return alternatives that are the leap years from ``first`` to ``last``."""
    options = []
    whole = range(-(-first // 100), (last + 1) // 100)  # centuries that lie within entirely
    if len(whole) > 0:
        options.append(number_regex(whole[0], whole[-1], width=2) + _LEAP_IN_CENTURY)
        with_zero = [f"{c:02d}" for c in whole if c % 4 == 0 and c > 0]
        if with_zero:
            options.append(f"{_any(with_zero)}00")
    ends = [y for y in range(first, last + 1) if y // 100 not in whole]
    return [*options, *(f"{y:04d}" for y in ends if _is_leap(y))]


def _clock(lo: int, hi: int, resolution: int) -> str:
    """Return the ``hh:mm:ss`` between two ticks of one day."""
    return _clock_part(lo * resolution, hi * resolution, resolution, 3600)


def _clock_part(lo: int, hi: int, resolution: int, worth: int) -> str:
    """Return the times from ``lo`` to ``hi`` seconds, from the part worth that many seconds on."""
    if worth == 1:
        return number_regex(lo, hi, width=2)
    below = worth // 60
    full = (worth - 1) // resolution * resolution  # the last tick within this part
    (first, start), (last, end) = divmod(lo, worth), divmod(hi, worth)
    if worth <= resolution:  # nothing below moves
        return number_regex(first, last, width=2) + ":00" * (1 if below == 1 else 2)

    def rest(least: int, most: int) -> str:
        return ":" + _clock_part(least, most, resolution, below)

    if first == last:
        return f"{first:02d}{rest(start, end)}"
    options = []
    if start:
        options.append(f"{first:02d}{rest(start, full)}")
        first += 1
    tail = []
    if end < full:
        tail.append(f"{last:02d}{rest(0, end)}")
        last -= 1
    if first <= last:
        options.append(number_regex(first, last, width=2) + rest(0, full))
    return _any(options + tail)


def _any(options: Iterable[str]) -> str:
    """Join alternatives, in a group if there are several."""
    several = list(options)
    return several[0] if len(several) == 1 else f"(?:{'|'.join(several)})"
