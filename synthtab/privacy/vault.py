"""Real rows under lock: only readers that were charged for see them.

A release is a :class:`Reader`: it says what it costs, and when that is booked, and not before, it
is let into the room where the rows are and comes out with an answer that its noise has made safe.
The vault gives rows to nobody else: they are no attribute of it, it cannot be copied, pickled or
iterated over. Rows may be changed where they are, one by one, and stay there. Python keeps no
secrets from code that means harm; what is ruled out is that rows are read by mistake.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, Protocol, TypeVar

from synthtab.batch import Batch
from synthtab.privacy.ledger import Charge, Ledger
from synthtab.privacy.settings import Neighbours

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


RowByRow = Callable[[Batch], Batch]
"""What makes one row, or none, of each row: of that row and of public facts alone."""


class Room:
    """Where the rows are, while a reader is inside. What it computes may be kept for others."""

    def __init__(self, batches: Mapping[str, Batch]) -> None:
        self._batches = dict(batches)
        self._kept: dict[object, Any] = {}

    def batch(self, table: str) -> Batch:
        """Return a table's rows; KeyError where there is none."""
        return self._batches[table]

    def kept(self, key: object, make: Callable[[], T]) -> T:
        """Return what was made under this key before, or make it."""
        if key not in self._kept:
            self._kept[key] = make()
        found: T = self._kept[key]
        return found

    def derive(self, new: str, old: str, function: RowByRow) -> None:
        """Keep what a function makes of a table's rows under a name of its own.

        Raises ValueError where there is a table of that name, and RuntimeError, which does not say
        what is in the rows, where the function fails or makes more rows than there were.
        """
        if new in self._batches:
            raise ValueError(f"there is a table {new!r} in the vault")
        made: Batch | None = None
        # What goes wrong may quote a row: the error is not kept, not even as another one's cause.
        with contextlib.suppress(Exception):
            made = function(self._batches[old])
        if made is None:
            raise RuntimeError(
                f"table {new!r} could not be made of {old!r}; what failed is not said, as it may "
                "tell of rows"
            )
        if len(made) > len(self._batches[old]):
            raise RuntimeError(f"table {new!r} has more rows than {old!r}, which it is made of")
        self._batches[new] = made


class Reader(Protocol[T_co]):
    """One private release: its cost, and what it answers."""

    @property
    def charge(self) -> Charge:
        """What it costs. It must not depend on the rows."""

    def read(self, room: Room) -> T_co:
        """Look at the rows and return the noisy answer, and nothing else."""


class Vault:
    """Holds real rows and a ledger. ``release`` is the only way in."""

    __slots__ = ("_derive", "_ledger", "_let_in")

    def __init__(self, batches: Mapping[str, Batch], ledger: Ledger) -> None:
        room = Room(batches)
        self._ledger = ledger

        def let_in(reader: Reader[Any]) -> Any:
            ledger.spend(reader.charge)
            return reader.read(room)

        self._let_in = let_in

        def derive(new: str, old: str, function: RowByRow) -> None:
            room.derive(new, old, function)

        # Functions, not methods of the room: a method knows whose it is.
        self._derive = derive

    @property
    def ledger(self) -> Ledger:
        """What is charged for every release. No other can take its place."""
        return self._ledger

    @property
    def neighbours(self) -> Neighbours:
        """The relation that sensitivities are about."""
        return self.ledger.neighbours

    def release(self, reader: Reader[T]) -> T:
        """Charge for a reader, then let it read. Raises BudgetError before anything is read."""
        answer: T = self._let_in(reader)
        return answer

    def derive(self, new: str, old: str, function: RowByRow) -> None:
        """Put a table beside another, made of it row by row. Nothing is released, nothing charged.

        ``function`` makes one row or none of each row, by this row and public facts alone. So one
        row more, less or exchanged before is one at most after (stability 1; McSherry, "Privacy
        integrated queries", 2009), and a reader of the new table costs what it would of the old.
        It must keep no copy. Raises ValueError and RuntimeError as :meth:`Room.derive` does.
        """
        self._derive(new, old, function)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a vault of real rows cannot be copied or pickled")

    def __repr__(self) -> str:
        return f"<Vault, {len(self.ledger.charges)} charges>"
