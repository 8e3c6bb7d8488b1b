"""Files that appear whole or not at all: one, and several together."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from synthtab.atomic import atomic, atomic_directory, atomic_into, check_directory
from synthtab.errors import UsageError


def write(folder: Path, *, stop: bool = False, **texts: str) -> None:
    for name, text in texts.items():
        (folder / name).write_text(text)
    if stop:
        raise KeyboardInterrupt


def read(folder: Path) -> dict[str, str]:
    return {p.name: p.read_text() for p in folder.iterdir()}


def test_a_file_stays_as_it_was_where_the_block_ends_early(tmp_path: Path) -> None:
    write(tmp_path, a="old")
    with pytest.raises(KeyboardInterrupt), atomic(tmp_path / "a") as temporary:
        write(temporary.parent, stop=True, **{temporary.name: "new"})
    assert read(tmp_path) == {"a": "old"}


def test_what_the_system_refuses_is_told_with_the_files_name(tmp_path: Path) -> None:
    with (
        pytest.raises(UsageError, match=r"cannot write .*a: No space left"),
        atomic(tmp_path / "a"),
    ):
        raise OSError(28, "No space left on device")
    assert read(tmp_path) == {}


@pytest.mark.parametrize("there", [False, True])
def test_files_appear_together(tmp_path: Path, there: bool) -> None:
    target = tmp_path / "out"
    if there:
        target.mkdir()
        write(target, a="old", z="mine")
    with atomic_into(target) as folder:
        write(folder, a="1", b="2")
        assert (target / "a").exists() == there
    assert read(target) == {"a": "1", "b": "2"} | ({"z": "mine"} if there else {})
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("there", [False, True])
def test_none_appears_where_the_block_ends_early(tmp_path: Path, there: bool) -> None:
    target = tmp_path / "out"
    if there:
        target.mkdir()
        write(target, a="old")
    with pytest.raises(KeyboardInterrupt), atomic_into(target) as folder:
        write(folder, stop=True, a="1", b="2")
    assert [p.name for p in tmp_path.iterdir()] == (["out"] if there else [])
    assert not there or read(target) == {"a": "old"}


@pytest.mark.parametrize("stop", [False, True])
def test_a_directory_is_replaced_whole_or_stays(tmp_path: Path, stop: bool) -> None:
    target = tmp_path / "out"
    target.mkdir()
    write(target, a="old", z="old")
    with suppress(KeyboardInterrupt), atomic_directory(target) as folder:
        write(folder, stop=stop, a="new")
    assert read(target) == ({"a": "old", "z": "old"} if stop else {"a": "new"})
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_none_appears_where_one_cannot_be_put_there(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    write(tmp_path, a="old")
    with pytest.raises(UsageError, match="b is a directory"), atomic_into(tmp_path) as folder:
        write(folder, a="1", b="2", c="3")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"]
    assert (tmp_path / "a").read_text() == "old"


def test_places_that_cannot_be_written_are_named_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="it is a file, not a directory"):
        check_directory(tmp_path / "file")
    with pytest.raises(UsageError, match="there is no directory"):
        check_directory(tmp_path / "none" / "out")
