"""One column's place in a JSON row: what stands before its value, how it begins, what follows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from synthtab.generate.language.spelling import NULL, quoted, spell
from synthtab.generate.language.vocabulary import Ids
from synthtab.schema import BooleanType, Column, EnumType, TextType


@dataclass(frozen=True)
class Slot:
    """A column in the row ``{"a": 1, "b": "x"}``.

    ``lo`` and ``hi`` are its codes; of text, ``alphabet`` and ``length`` are its characters and how
    many of them there may be. ``opening`` are the bytes between the last forced token before the
    value and the value: tokens of the value begin with them (a space, a quote). ``after`` is the
    forced text that follows a value, its closing quote first; the token that ends a value may hold
    some of it, and ``forced[r]`` are the tokens of its last ``r`` bytes.
    """

    column: Column
    lo: int
    hi: int
    alphabet: tuple[str, ...]
    length: int
    before: bytes
    opening: bytes
    after: bytes
    forced: tuple[Ids, ...]

    @property
    def closing(self) -> bytes:
        """What ends a value: a quote, or nothing."""
        return b'"' if quoted(self.column) else b""

    @cached_property
    def longest(self) -> int:
        """How many bytes a value has at most, quotes and escapes included."""
        if isinstance(self.column.type, TextType):
            return 4 * self.length + 2
        listed = isinstance(self.column.type, EnumType | BooleanType)
        # The longest numbers are at the ends.
        codes = list(range(self.lo, self.hi + 1)) if listed else [self.lo, self.hi]
        texts = [spell(self.column, code) for code in codes] + [NULL]
        return max(len(text.encode()) for text in texts)

    @property
    def quote_is_open(self) -> bool:
        """Whether the quote of a string stands before the value, as where there is no NULL."""
        return quoted(self.column) and not self.column.optional
