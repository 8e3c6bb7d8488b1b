"""Saved models appear whole or not at all, and damage is told before anything is read."""

import json

import pytest

from synthtab.errors import SavedModelError, UsageError
from synthtab.store import MANIFEST, Kind, read_manifest, save_directory


def write(folder):
    (folder / "weights").write_bytes(b"1234567890")
    (folder / "deep").mkdir()
    (folder / "deep" / "note.json").write_text("{}")


def test_what_is_saved_is_read(tmp_path):
    save_directory(tmp_path / "m", {"order": ["a"]}, write)
    assert read_manifest(tmp_path / "m")["order"] == ["a"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m"]


def test_saving_again_replaces(tmp_path):
    save_directory(tmp_path / "m", {"run": 1}, write)
    save_directory(tmp_path / "m", {"run": 2}, write)
    assert read_manifest(tmp_path / "m")["run"] == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_save_leaves_the_old_model(tmp_path, error):
    save_directory(tmp_path / "m", {"run": 1}, write)

    def fail(folder):
        write(folder)
        raise error

    with pytest.raises(error):
        save_directory(tmp_path / "m", {"run": 2}, fail)
    assert read_manifest(tmp_path / "m")["run"] == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m"]


def test_other_directories_and_files_are_left_alone(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter").write_text("all of it")
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="holds something else"):
        save_directory(tmp_path / "thesis", {}, write)
    with pytest.raises(UsageError, match="a file of that name"):
        save_directory(tmp_path / "file", {}, write)
    with pytest.raises(UsageError, match="there is no directory"):
        save_directory(tmp_path / "nowhere" / "m", {}, write)
    assert (tmp_path / "thesis" / "chapter").read_text() == "all of it"


def test_damage_is_named(tmp_path):
    save_directory(tmp_path / "m", {}, write)
    (tmp_path / "m" / "weights").write_bytes(b"12345")
    with pytest.raises(SavedModelError, match="weights is truncated or was altered"):
        read_manifest(tmp_path / "m")
    (tmp_path / "m" / "weights").unlink()
    with pytest.raises(SavedModelError, match="weights is missing"):
        read_manifest(tmp_path / "m")


@pytest.mark.parametrize("files", [None, ["weights"], "weights", 3])
def test_a_manifest_without_a_list_of_files_is_damage(tmp_path, files):
    save_directory(tmp_path / "m", {}, write)
    manifest = tmp_path / "m" / MANIFEST
    facts = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**facts, "files": files}))
    with pytest.raises(SavedModelError, match=r"does not list its files.*fit the model again"):
        read_manifest(tmp_path / "m")
    del facts["files"]
    manifest.write_text(json.dumps(facts))
    with pytest.raises(SavedModelError, match="does not list its files"):
        read_manifest(tmp_path / "m")


def test_another_version_and_no_model_are_told_apart(tmp_path):
    save_directory(tmp_path / "m", {}, write)
    manifest = tmp_path / "m" / MANIFEST
    facts = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**facts, "version": 99}))
    with pytest.raises(SavedModelError, match="format version 99"):
        read_manifest(tmp_path / "m")
    manifest.write_text("{")
    with pytest.raises(SavedModelError, match="cannot be read"):
        read_manifest(tmp_path / "m")
    manifest.write_text("[]")
    with pytest.raises(SavedModelError, match="does not describe"):
        read_manifest(tmp_path / "m")
    with pytest.raises(SavedModelError, match="has no manifest"):
        read_manifest(tmp_path)


def test_kinds_do_not_take_each_others_place(tmp_path):
    notes = Kind("synthtab-notes", 3, "notebook", "take the notes again")
    save_directory(tmp_path / "m", {}, write)
    with pytest.raises(UsageError, match=r"cannot save a notebook at .*something else"):
        save_directory(tmp_path / "m", {}, write, notes)
    with pytest.raises(SavedModelError, match="does not describe a saved notebook"):
        read_manifest(tmp_path / "m", notes)
    save_directory(tmp_path / "n", {}, write, notes)
    assert read_manifest(tmp_path / "n", notes)["version"] == 3
    older = Kind("synthtab-notes", 2, "notebook", "take the notes again")
    with pytest.raises(SavedModelError, match=r"version 3.*version 2: take the notes again"):
        read_manifest(tmp_path / "n", older)
