"""Folders of documents: what each kind of file gives, and what cannot be read is named."""

import os
import re
import struct
import sys
import zlib
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pypdf
import pytest
from PIL import Image
from pypdf.generic import NameObject
from tiny_pdf import write_pdf

from synthtab.errors import DataError, UsageError
from synthtab.generate.retrieval.pdf import pages
from synthtab.generate.retrieval.reading import Cutting, read_folder


def look(picture) -> np.ndarray:
    """Stand where an image tower does: the mean of each colour."""
    return np.asarray(picture, dtype=np.float32).mean(axis=(0, 1))


def read(folder, *, rows=None, looking=None, skip=False):
    return read_folder(folder, Cutting(200, 20, rows), looking, skip_unreadable=skip)


def told(found) -> dict[str, str]:
    return {one.path: one.reason for one in found.skipped}


def test_every_kind_of_file_is_read_in_order(tmp_path) -> None:
    (tmp_path / "a.txt").write_text("Plain text.", encoding="utf-8-sig")
    (tmp_path / "b.md").write_text("# Doses\nTwenty milligrams.\n# Ages\nAdults only.")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "c.csv").write_text("age,pay,note\n40,1.50,x\n17,,\n")
    pd.DataFrame({"born": [date(2020, 1, 2)], "paid": [Decimal("88.10")]}).to_parquet(
        tmp_path / "deep" / "d.parquet"
    )
    write_pdf(tmp_path / "e.PDF", ["First page.", "Second page."])
    found = read(tmp_path)
    assert [(d.source, d.kind, d.text) for d in found.documents] == [
        ("a.txt", "text", "Plain text."),
        ("b.md: Doses", "text", "# Doses\nTwenty milligrams."),
        ("b.md: Ages", "text", "# Ages\nAdults only."),
        ("deep/c.csv, row 1", "row", '{"age": 40, "pay": 1.50, "note": "x"}'),
        ("deep/c.csv, row 2", "row", '{"age": 17, "pay": null, "note": null}'),
        ("deep/d.parquet, row 1", "row", '{"born": "2020-01-02", "paid": 88.10}'),
        ("e.PDF, page 1", "page", "First page."),
        ("e.PDF, page 2", "page", "Second page."),
    ]
    assert [d.row for d in found.documents if d.kind == "row"] == [0, 1, 0]
    assert found.skipped == []


def test_what_is_left_out_is_named(tmp_path) -> None:
    (tmp_path / "film.mov").write_bytes(b"\0")
    (tmp_path / "blank.txt").write_text(" \n")
    (tmp_path / "chart.png").write_bytes(b"anything")
    (tmp_path / "table.csv").write_text("a\n" + "\n".join(map(str, range(10))))
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "notes.txt").write_text("hidden")
    Image.new("RGB", (99, 99)).save(tmp_path / "scan.pdf")
    os.mkfifo(tmp_path / "pipe.txt")
    found = read(tmp_path, rows=4)
    assert [d.source for d in found.documents] == [f"table.csv, row {k}" for k in (1, 4, 7, 10)]
    reasons = told(found)
    assert reasons["film.mov"].startswith("a file of unknown kind; known are .txt")
    assert reasons["blank.txt"] == "there is no text in it"
    assert reasons["chart.png"] == "a picture, which takes an embedder with an image tower (CLIP)"
    assert reasons["table.csv"] == "6 of its 10 rows; 4 were taken evenly"
    assert reasons["scan.pdf, page 1"].startswith("no text (a scan?)")
    assert reasons["pipe.txt"] == "no file, but a pipe or the like"
    assert len(reasons) == 6


def test_pictures_in_files_and_on_pages_are_looked_at(tmp_path) -> None:
    Image.new("RGB", (80, 70), (200, 0, 0)).save(tmp_path / "chart.png")
    Image.new("L", (80, 70), 9).save(tmp_path / "scan.jpg")
    pages = [Image.new("RGB", (90, 90), (0, 0, 250)), Image.new("RGB", (20, 90))]
    pages[0].save(tmp_path / "pages.pdf", save_all=True, append_images=pages[1:])
    found = read(tmp_path, looking=look)
    assert [(d.source, d.kind, d.text) for d in found.documents] == [
        ("chart.png", "image", "picture: chart.png"),
        ("pages.pdf, page 1", "image", "picture: pages.pdf, page 1"),
        ("scan.jpg", "image", "picture: scan.jpg"),
    ]
    vectors = [d.vector for d in found.documents]
    assert np.allclose(vectors, [[200, 0, 0], [0, 0, 250], [9, 9, 9]], atol=6)


def _bomb(path) -> None:
    """Write a PNG of a few bytes that says it is 60,000 by 60,000."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk
    path.write_bytes(start + struct.pack(">II", zlib.crc32(chunk), 9) + b"IDAT" + bytes(13))


def _encrypted(path) -> None:
    writer = pypdf.PdfWriter(clone_from=write_pdf(path, ["Secret."]))
    writer.encrypt("password", algorithm="RC4-128")
    writer.write(path)


def _cut_off(path) -> None:
    path.write_bytes(write_pdf(path, ["Whole."]).read_bytes()[:120])


BAD = {
    "latin.txt": (lambda p: p.write_bytes(b"caf\xe9"), r"not UTF-8 text \(byte 3\)"),
    "noise.pdf": (lambda p: p.write_bytes(b"\1\2\3 no pdf"), "not a readable PDF"),
    "empty.pdf": (lambda p: p.write_bytes(b""), "not a readable PDF"),
    "cut.pdf": (_cut_off, "not a readable PDF"),
    "locked.pdf": (_encrypted, "encrypted and needs a password"),
    "ragged.csv": (lambda p: p.write_text("a,b\n1,2\n3\n"), "another number of fields"),
    "noise.parquet": (lambda p: p.write_bytes(b"PAR1 no"), "not a readable Parquet"),
    "noise.png": (lambda p: p.write_bytes(b"no png"), "not a readable PNG or JPEG"),
    "bomb.png": (_bomb, "the picture is too large"),
}


_WORDS = (b"null", b"0", b"-1", b"/X", b"[]", b"<<>>", b"99999999999", b"1e400", b"(a)", b"1 0 R")


def test_files_changed_at_random_give_pages_or_are_named(tmp_path) -> None:
    """Errors that pypdf and Pillow let through on them are told as damage, whatever they are."""
    path = write_pdf(tmp_path / "a.pdf", ["First page.", "Second page."])
    Image.new("RGB", (99, 99)).save(tmp_path / "scan.pdf")
    writer = pypdf.PdfWriter()
    for name in ("scan.pdf", "a.pdf"):
        writer.append(tmp_path / name)
    writer.write(path)
    whole, random = path.read_bytes(), np.random.default_rng(0)
    places = [m.span() for m in re.finditer(rb"\d+ 0 R|\d+|/\w+|\[[^\]]{0,40}\]", whole)]
    ends = {"read": 0, "refused": 0, "without a picture": 0}
    for _ in range(400):
        start, stop = places[random.integers(len(places))]
        path.write_bytes(whole[:start] + _WORDS[random.integers(len(_WORDS))] + whole[stop:])
        try:
            found = list(pages(path, pictures=True))
        except DataError:
            ends["refused"] += 1
        else:
            ends["without a picture" if any(p.unreadable for p in found) else "read"] += 1
    assert min(ends.values()) > 5, ends


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_cannot_be_read_is_named_and_may_be_skipped(tmp_path, name) -> None:
    make, reason = BAD[name]
    make(tmp_path / name)
    (tmp_path / "good.txt").write_text("Good.")
    with pytest.raises(DataError, match=rf"(?s)be read:\n{name}: .*{reason}.*skip_unread"):
        read(tmp_path, looking=look)
    found = read(tmp_path, looking=look, skip=True)
    assert [d.text for d in found.documents] == ["Good."]
    assert set(told(found)) == {name}


def test_all_unreadable_files_are_named_at_once(tmp_path) -> None:
    for at in range(8):
        (tmp_path / f"{at}.pdf").write_bytes(b"no")
    with pytest.raises(DataError, match=r"(?s)0\.pdf: .*4\.pdf: .*and 3 more"):
        read(tmp_path)


def _another_format(picture) -> None:
    picture[NameObject("/Filter")] = NameObject("/JBIG2Decode")


def _huge(picture) -> None:
    """Give a JPEG's header 60,000 rows and columns."""
    at = picture._data.index(b"\xff\xc0") + 5
    picture._data = (
        picture._data[:at] + struct.pack(">HH", 60_000, 60_000) + picture._data[at + 4 :]
    )


@pytest.mark.parametrize("spoil", [_another_format, _huge])
def test_a_scan_that_cannot_be_decoded_costs_no_more_than_itself(tmp_path, spoil) -> None:
    write_pdf(tmp_path / "a.pdf", ["Whole."])
    Image.new("RGB", (99, 99)).save(tmp_path / "scan.pdf")
    writer = pypdf.PdfWriter(clone_from=tmp_path / "scan.pdf")
    (picture,) = writer.pages[0]["/Resources"]["/XObject"].values()
    spoil(picture.get_object())
    writer.append(tmp_path / "a.pdf")
    writer.write(tmp_path / "a.pdf")
    (tmp_path / "scan.pdf").unlink()
    found = read(tmp_path, looking=look)
    assert [d.text for d in found.documents] == ["Whole."]
    assert told(found) == {"a.pdf, page 1": "pictures that cannot be decoded: 1"}


def test_files_locked_without_a_password_are_read(tmp_path) -> None:
    writer = pypdf.PdfWriter(clone_from=write_pdf(tmp_path / "a.pdf", ["For reading only."]))
    writer.encrypt("", "owner", algorithm="RC4-128")
    writer.write(tmp_path / "a.pdf")
    assert [d.text for d in read(tmp_path).documents] == ["For reading only."]


def test_a_folder_that_is_none_is_refused(tmp_path) -> None:
    with pytest.raises(UsageError, match="is not there"):
        read(tmp_path / "nowhere")
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="is a file, not a folder"):
        read(tmp_path / "file")
    with pytest.raises(UsageError, match="rows=0"):
        read(tmp_path, rows=0)


@pytest.mark.parametrize(("package", "name"), [("pypdf", "a.pdf"), ("PIL", "a.png")])
def test_without_a_package_what_to_install_is_said(tmp_path, monkeypatch, package, name) -> None:
    (tmp_path / name).write_bytes(b"x")
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UsageError, match=r"pip install 'synthtab\[retrieval\]'"):
        read(tmp_path, looking=look)
