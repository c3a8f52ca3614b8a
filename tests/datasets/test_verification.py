from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from raytune_suite import datasets
from raytune_suite.datasets import catalogue, verification
from raytune_suite.errors import DataError, UnknownNameError
from raytune_suite.workloads.surrogate.yahpo_scenarios import SCENARIOS
from tests.datasets.server import BODY

if TYPE_CHECKING:
    from pathlib import Path


def put(where: Path, name: str, body: bytes) -> Path:
    place = where / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(body)
    return place


def test_the_folder_is_the_variable_or_in_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RAYTUNE_SUITE_DATA", str(tmp_path))
    assert datasets.folder() == tmp_path
    monkeypatch.delenv("RAYTUNE_SUITE_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert datasets.folder() == tmp_path / "cache" / "raytune_suite"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert datasets.folder() == tmp_path / ".cache" / "raytune_suite"


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("body", "state"), [(None, "missing"), (BODY[:-1], "truncated"), (BODY[:-1] + b"?", "altered"), (BODY, "ok")]
)
def test_a_file_that_is_not_what_was_published_is_rejected_with_the_command(
    where: Path, body: bytes | None, state: str
) -> None:
    if body is not None:
        put(where, "toy/a.csv", body)
    assert datasets.check()["toy/a.csv"] == state
    if state == "ok":
        assert datasets.path("toy/a.csv") == where / "toy/a.csv"
        return
    with pytest.raises(DataError, match=rf"toy/a\.csv'.*{state}.*`raytune-suite data fetch toy/a`"):
        datasets.path("toy/a.csv")


@pytest.mark.usefixtures("small")
def test_a_file_is_read_once_and_again_after_a_change(where: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    digest = verification.digest

    def counted(place: Path) -> str:
        read.append(place)
        return digest(place)

    monkeypatch.setattr(verification, "digest", counted)
    place = put(where, "toy/b.csv", b"second")
    for _ in range(3):
        datasets.path("toy/b.csv")
    assert read == [place]
    put(where, "toy/b.csv", b"third!")
    with pytest.raises(DataError, match="altered"):
        datasets.path("toy/b.csv")
    assert read == [place, place]


@pytest.mark.usefixtures("small")
def test_a_file_that_was_never_downloaded_and_has_no_known_checksum_is_unverified(where: Path) -> None:
    place = put(where, "new/part.csv", b"by hand")
    assert datasets.check()["new/part.csv"] is datasets.State.UNVERIFIED
    assert datasets.path("new/part.csv") == place


@pytest.mark.usefixtures("where")
def test_an_unknown_path_is_rejected_with_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match=r"'arlbench/cc_cartpole_ppo\.csv'"):
        datasets.path("arlbench/cc_cartpol_ppo.csv")


def test_every_part_is_in_the_folder_of_its_dataset_and_no_file_is_listed_twice() -> None:
    seen: set[str] = set()
    for dataset in datasets.datasets().values():
        for part in dataset.parts:
            assert part.name.startswith(f"{dataset.name}/")
            for file in part.files:
                assert file.path.startswith(f"{dataset.name}/")
                assert file.url.startswith("https://")
                assert (file.size is None) == (file.sha256 is None)
                assert file.sha256 is None or len(file.sha256) == 64
                assert file.path not in seen
                seen.add(file.path)


def test_every_scenario_of_yahpo_can_be_fetched() -> None:
    assert set(catalogue.YAHPO_SCENARIOS) == set(SCENARIOS)


def test_the_files_on_this_machine_are_what_their_authors_published() -> None:
    present = {path: state for path, state in datasets.check().items() if state is not datasets.State.MISSING}
    if not present:
        pytest.skip(f"no data in {datasets.folder()}: run `raytune-suite data fetch all`, or set RAYTUNE_SUITE_DATA")
    assert set(present.values()) <= {datasets.State.OK, datasets.State.UNVERIFIED}
