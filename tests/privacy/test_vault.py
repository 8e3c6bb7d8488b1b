"""Real rows are behind one door, and it opens for those who paid, and nobody else."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Mapping

import pytest
from rooms import Recorder, batch_of

from synthtab.batch import Batch
from synthtab.errors import BudgetError
from synthtab.privacy.costs import Gaussian, Pure
from synthtab.privacy.ledger import Charge, Ledger
from synthtab.privacy.settings import Neighbours
from synthtab.privacy.vault import Room, Vault

SECRET = 987_654_321


def rows() -> Batch:
    return batch_of(["c"], [[SECRET], [SECRET + 1]])


class Untouchable(Batch):
    """A batch whose rows cannot be looked at."""

    def __getattribute__(self, name: str) -> object:
        if name in ("codes", "nulls", "pool", "column", "take", "select"):
            raise AssertionError("rows were read")
        return super().__getattribute__(name)


def untouchable() -> Batch:
    made = object.__new__(Untouchable)
    object.__setattr__(made, "columns", ("c",))
    return made


def test_a_reader_is_charged_before_it_reads() -> None:
    vault = Vault({"t": rows()}, Ledger(1.0, 0.0))
    reader = Recorder(Pure(0.25))
    assert vault.release(reader) == 2
    assert reader.events == ["charged", "read"]
    assert vault.ledger.spent() == (0.25, 0.0)


@pytest.mark.parametrize("cost", [Pure(1.1), Gaussian(100.0)])
def test_a_charge_that_does_not_fit_leaves_rows_untouched(cost: Pure | Gaussian) -> None:
    vault = Vault({"t": untouchable()}, Ledger(1.0, 0.0))
    reader = Recorder(cost)
    with pytest.raises(BudgetError, match="nothing was read"):
        vault.release(reader)
    assert reader.events == ["charged"]
    assert vault.ledger.charges == ()


def test_a_reader_that_fails_has_been_charged_all_the_same() -> None:
    class Fails(Recorder):
        def read(self, room: Room) -> int:
            raise RuntimeError("in the middle")

    vault = Vault({"t": rows()}, Ledger(1.0, 0.0))
    with pytest.raises(RuntimeError):
        vault.release(Fails(Pure(0.5)))
    assert vault.ledger.spent() == (0.5, 0.0)


def test_a_charge_is_asked_for_once() -> None:
    """A reader that names another price the second time is held to the first."""

    class Cheap(Recorder):
        @property
        def charge(self) -> Charge:
            self.events.append("charged")
            return Charge("x", Pure(0.9 if len(self.events) == 1 else 0.0), (), "a trick")

    vault = Vault({"t": rows()}, Ledger(1.0, 0.0))
    vault.release(Cheap(Pure(0.0)))
    assert vault.ledger.spent() == (0.9, 0.0)


def test_threads_release_no_more_than_the_budget() -> None:
    vault = Vault({"t": rows()}, Ledger(1.0, 0.0))
    start, answers = threading.Barrier(6), []

    def release() -> None:
        start.wait()
        for _ in range(10):
            try:
                answers.append(vault.release(Recorder(Pure(0.05))))
            except BudgetError:
                return

    threads = [threading.Thread(target=release) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == len(vault.ledger.charges) == 20


def reachable(start: object) -> list[object]:
    """Return what attributes, slots and containers lead to, at any depth; closures aside."""
    found: list[object] = []
    waiting, seen = [start], set()
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, type | str | int | float):
            continue
        seen.add(id(thing))
        found.append(thing)
        if hasattr(thing, "__self__"):
            waiting.append(thing.__self__)
        if isinstance(thing, Mapping):
            waiting += [*thing.keys(), *thing.values()]
        elif isinstance(thing, list | tuple | set | frozenset):
            waiting += list(thing)
        elif type(thing).__module__.startswith("synthtab"):
            names = [*getattr(thing, "__dict__", {})]
            names += [s for k in type(thing).__mro__ for s in getattr(k, "__slots__", ())]
            names += [n for n in dir(thing) if not n.startswith("__")]
            waiting += [getattr(thing, n) for n in names if hasattr(thing, n)]
    return found


def test_nothing_leads_to_the_rows_but_release() -> None:
    vault = Vault({"t": rows()}, Ledger(1.0, 0.0))
    vault.release(Recorder(Pure(0.1)))
    assert not [x for x in reachable(vault) if isinstance(x, Batch | Room)]
    assert [x for x in reachable({"t": rows()}) if isinstance(x, Batch)]  # the search does find


def test_a_vault_is_not_copied_pickled_iterated_or_shown() -> None:
    vault = Vault({"t": rows()}, Ledger(1.0, 0.0))
    for take in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="cannot be copied or pickled"):
            take(vault)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError):
            pickle.dumps([vault], protocol)
    for take in (vars, iter, len, list, dict, lambda v: v["t"]):
        with pytest.raises(TypeError):
            take(vault)
    for text in (repr(vault), str(vault), f"{vault}"):
        assert str(SECRET) not in text
        assert "2" not in text
    with pytest.raises(AttributeError):
        vault.rows = 1
    for name in ("batches", "_batches", "room", "_room", "rows", "data"):
        assert not hasattr(vault, name)


def test_another_ledger_cannot_be_put_in_the_place_of_the_first() -> None:
    vault = Vault({"t": rows()}, Ledger(1.0, 0.0, Neighbours("replace")))
    with pytest.raises(AttributeError):
        vault.ledger = Ledger(100.0, 0.0)
    assert vault.neighbours == Neighbours("replace")


def test_rows_given_to_a_vault_are_not_watched_from_outside() -> None:
    """The mapping is copied: a table put into it later is not there."""
    tables = {"t": rows()}
    vault = Vault(tables, Ledger(1.0, 0.0))
    tables["t"] = batch_of(["c"], [[1]])
    assert vault.release(Recorder(Pure(0.1))) == 2


def test_a_room_makes_each_thing_once() -> None:
    room = Room({"t": rows()})
    made: list[int] = []
    for _ in range(3):
        assert room.kept("key", lambda: made.append(1) or 7) == 7
    assert made == [1]
    with pytest.raises(KeyError):
        room.batch("u")
