from __future__ import annotations

import errno
import io
import json
import subprocess
import sys
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from raytune_suite import datasets
from raytune_suite.datasets import File, download
from raytune_suite.errors import DataError, UnknownNameError
from tests.datasets.server import BODY, known

if TYPE_CHECKING:
    from pathlib import Path

    from tests.datasets.server import Site

HALF = len(BODY) // 2


def fetch(file: File, where: Path) -> Path:
    return download.fetch_file(file, where, lambda _have, _total: None)


def files(where: Path) -> set[str]:
    return {path.relative_to(where).as_posix() for path in where.rglob("*") if path.is_file() and path.name != ".lock"}


def test_a_file_is_downloaded_with_its_progress(site: Site, where: Path) -> None:
    calls: list[tuple[int, int | None]] = []
    place = download.fetch_file(known("x/a.csv", f"{site.url}/a.csv", BODY), where, lambda *call: calls.append(call))
    assert place.read_bytes() == BODY
    assert calls[0] == (0, len(BODY))
    assert calls[-1] == (len(BODY), len(BODY))
    assert files(where) == {"x/a.csv"}


def test_a_cut_connection_is_an_error_and_the_next_fetch_requests_only_the_rest(site: Site, where: Path) -> None:
    file = known("x/a.csv", f"{site.url}/a.csv", BODY)
    site.cut = HALF
    with pytest.raises(DataError, match=site.url):
        fetch(file, where)
    assert not (where / "x/a.csv").exists()
    assert (where / "x/a.csv.part").read_bytes() == BODY[:HALF]
    site.cut = None
    assert fetch(file, where).read_bytes() == BODY
    assert site.asked == [None, f"bytes={HALF}-"]
    assert files(where) == {"x/a.csv"}


def test_a_server_that_cannot_send_the_rest_sends_all_again(site: Site, where: Path) -> None:
    file = known("x/a.csv", f"{site.url}/a.csv", BODY)
    site.cut, site.ranges = HALF, False
    with pytest.raises(DataError):
        fetch(file, where)
    site.cut = None
    assert fetch(file, where).read_bytes() == BODY


def test_a_file_that_has_changed_on_the_server_is_downloaded_from_scratch(site: Site, where: Path) -> None:
    """One half of the old version must not be joined with the other half of the new one: no checksum would notice."""
    file = File(path="x/a.csv", url=f"{site.url}/a.csv")
    site.cut = HALF
    with pytest.raises(DataError):
        fetch(file, where)
    site.cut, site.content["/a.csv"] = None, BODY[::-1]
    assert fetch(file, where).read_bytes() == BODY[::-1]
    assert site.asked[-1] == f"bytes={HALF}-"


def test_a_partial_file_that_is_complete_needs_no_further_data(site: Site, where: Path) -> None:
    file = known("x/a.csv", f"{site.url}/a.csv", BODY)
    site.cut = HALF
    with pytest.raises(DataError):
        fetch(file, where)
    (where / "x/a.csv.part").write_bytes(BODY)
    assert fetch(file, where).read_bytes() == BODY


def test_a_wrong_checksum_is_an_error_and_nothing_is_left(site: Site, where: Path) -> None:
    file = known("x/a.csv", f"{site.url}/b.csv", BODY)
    with pytest.raises(DataError, match=f"{site.url}/b.csv .*6 bytes"):
        fetch(file, where)
    assert [name for name in files(where) if not name.endswith(".etag")] == []
    site.content["/b.csv"] = BODY
    assert fetch(file, where).read_bytes() == BODY


def test_a_wrong_download_keeps_the_existing_file(site: Site, where: Path) -> None:
    place = where / "x/a.csv"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"old")
    with pytest.raises(DataError):
        fetch(known("x/a.csv", f"{site.url}/b.csv", BODY), where)
    assert place.read_bytes() == b"old"


def test_a_moved_file_and_an_unreachable_server_are_errors(site: Site, where: Path) -> None:
    with pytest.raises(DataError, match=f"{site.url}/gone .*404"):
        fetch(File(path="x", url=f"{site.url}/gone"), where)
    with pytest.raises(DataError, match=r"http://127\.0\.0\.1:9/x"):
        fetch(File(path="x", url="http://127.0.0.1:9/x"), where)


def test_a_full_disk_is_an_error(site: Site, where: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(download, "_copy", full)
    with pytest.raises(DataError, match=r"x/a\.csv'.*No space left on device"):
        fetch(known("x/a.csv", f"{site.url}/a.csv", BODY), where)
    assert not (where / "x/a.csv").exists()


@pytest.mark.parametrize("length", ["5", str(10**15), "-5", "many", None])
def test_a_wrong_length_is_an_error_and_the_next_fetch_succeeds(length: str | None, site: Site, where: Path) -> None:
    file = known("x/a.csv", f"{site.url}/a.csv", BODY)
    site.headers, site.cut = {"Content-Length": length}, HALF
    with pytest.raises(DataError, match=site.url):
        fetch(file, where)
    assert not (where / "x/a.csv").exists()
    site.headers, site.cut = {}, None
    assert fetch(file, where).read_bytes() == BODY


@pytest.mark.parametrize("size_is_known", [True, False])
def test_an_endless_file_is_an_error(
    size_is_known: bool, site: Site, where: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "LARGEST", 2 * len(BODY))
    file = (
        known("x/a.csv", f"{site.url}/a.csv", BODY) if size_is_known else File(path="x/a.csv", url=f"{site.url}/a.csv")
    )
    site.headers, site.endless = {"Content-Length": None}, True
    with pytest.raises(DataError, match=f"{site.url}.* bytes"):
        fetch(file, where)
    assert [name for name in files(where) if not name.endswith(".etag")] == []


def test_a_wrong_part_is_not_joined_with_the_first(site: Site, where: Path) -> None:
    file = File(path="x/a.csv", url=f"{site.url}/a.csv")
    site.cut = HALF
    with pytest.raises(DataError):
        fetch(file, where)
    site.cut, site.headers = None, {"Content-Range": f"bytes 0-9/{len(BODY)}"}
    with pytest.raises(DataError, match=f"bytes from {HALF}"):
        fetch(file, where)
    site.headers = {}
    assert fetch(file, where).read_bytes() == BODY
    assert site.asked[-1] is None


@pytest.mark.parametrize("target", ["/a.csv", "file:///etc/passwd", "http://127.0.0.1:9/x", "nonsense://x", "http://["])
def test_a_redirection_that_leads_nowhere_is_an_error(target: str, site: Site, where: Path) -> None:
    site.headers = {"Location": target}
    with pytest.raises(DataError, match=site.url):
        fetch(known("x/a.csv", f"{site.url}/a.csv", BODY), where)
    assert files(where) == set()


@pytest.mark.process
def test_a_killed_fetch_leaves_no_file_under_the_final_name(site: Site, where: Path) -> None:
    site.cut, site.hang = HALF, True
    program = """
import sys
from pathlib import Path
from raytune_suite.datasets import File
from raytune_suite.datasets.download import fetch_file
fetch_file(File(path="x/a.csv", url=sys.argv[1]), Path(sys.argv[2]), lambda *_: None)
"""
    fetcher = subprocess.Popen([sys.executable, "-c", program, f"{site.url}/a.csv", str(where)])  # noqa: S603 - our own program
    partial, deadline = where / "x/a.csv.part", time.monotonic() + 60
    while not (partial.exists() and partial.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.02)
    fetcher.kill()
    fetcher.wait()
    had = partial.stat().st_size
    assert 0 < had <= HALF
    assert not (where / "x/a.csv").exists()
    site.cut = None
    assert fetch(known("x/a.csv", f"{site.url}/a.csv", BODY), where).read_bytes() == BODY
    assert site.asked[-1] == f"bytes={had}-"


def test_a_member_of_an_archive_is_unpacked(site: Site, where: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("inner.json", b"[1]")
    site.content["/some.zip"] = packed.getvalue()
    file = File(path="x/inner.json", url=f"{site.url}/some.zip", member="inner.json")
    assert fetch(file, where).read_bytes() == b"[1]"
    assert json.loads((where / "checksums.json").read_text())["x/inner.json"][0] == 3
    with pytest.raises(DataError, match=r"'inner\.json'"):
        fetch(File(path="x/b.json", url=f"{site.url}/b.csv", member="inner.json"), where)
    assert files(where) == {"x/inner.json", "checksums.json"}


def test_only_what_is_missing_or_damaged_is_fetched(small: Site, where: Path) -> None:
    assert datasets.fetch(["toy"]) == [where / "toy/a.csv", where / "toy/b.csv"]
    assert datasets.fetch(["toy", "toy/a"]) == []
    (where / "toy/b.csv").write_bytes(b"sec")
    assert datasets.fetch(["toy"]) == [where / "toy/b.csv"]
    assert len(small.asked) == 3


def test_all_means_the_files_with_known_checksums(small: Site, where: Path) -> None:
    assert datasets.fetch(["all"]) == [where / "toy/a.csv", where / "toy/b.csv"]
    assert not any(path.endswith("unknown.csv") for path in map(str, small.asked))


def test_a_file_without_a_known_checksum_is_trusted_on_its_first_download_only(small: Site, where: Path) -> None:
    place = where / "new/part.csv"
    assert datasets.fetch(["new"]) == [place]
    assert datasets.path("new/part.csv").read_bytes() == b"first version"
    place.write_bytes(b"other version")
    assert datasets.check()["new/part.csv"] is datasets.State.ALTERED
    place.write_bytes(b"first")
    assert datasets.check()["new/part.csv"] is datasets.State.TRUNCATED
    small.content["/unknown.csv"] = b"second version"
    with pytest.raises(DataError, match=r"new/part\.csv .*14 bytes.*13 bytes.*checksums\.json"):
        datasets.fetch(["new"])
    (where / "checksums.json").unlink()
    place.unlink()
    assert datasets.fetch(["new"]) == [place]
    assert datasets.path("new/part.csv").read_bytes() == b"second version"


def test_an_empty_file_is_not_trusted(small: Site, where: Path) -> None:
    small.content["/unknown.csv"] = b""
    with pytest.raises(DataError, match=r"new/part\.csv .*0 bytes"):
        datasets.fetch(["new"])
    assert not (where / "new/part.csv").exists()


@pytest.mark.usefixtures("small")
def test_two_fetches_at_once_download_one_complete_file(where: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(datasets.fetch, ["new"]) for _ in range(2)]
        assert {place for one in both for place in one.result()} == {where / "new/part.csv"}
    assert datasets.check()["new/part.csv"] is datasets.State.OK
    assert datasets.path("new/part.csv").read_bytes() == b"first version"


@pytest.mark.usefixtures("small")
def test_damaged_checksums_are_an_error(where: Path) -> None:
    datasets.fetch(["new"])
    (where / "checksums.json").write_text("")
    with pytest.raises(DataError, match=r"checksums\.json'"):
        datasets.path("new/part.csv")


@pytest.mark.usefixtures("small")
def test_an_unknown_name_is_rejected_with_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match="'toy'") as caught:
        datasets.fetch(["toi"])
    assert caught.value.name == "toi"
