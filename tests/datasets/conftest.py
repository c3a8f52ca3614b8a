from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from raytune_suite.datasets import Dataset, DatasetPart, File, catalogue, verification
from tests.datasets.server import BODY, Site, known, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def site() -> Iterator[Site]:
    with serving({"/a.csv": BODY, "/b.csv": b"second", "/unknown.csv": b"first version"}) as site:
        yield site


@pytest.fixture
def where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(verification.ENVIRONMENT, str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def small(site: Site, where: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:  # noqa: ARG001 - the folder is set
    """A catalogue of two datasets on the site: "toy" with two parts, and "new" without a known checksum."""
    toy = [DatasetPart(name=f"toy/{name}", files=(known(f"toy/{name}.csv", f"{site.url}/{name}.csv", body),))
           for name, body in (("a", BODY), ("b", b"second"))]  # fmt: skip
    new = DatasetPart(name="new/part", files=(File(path="new/part.csv", url=f"{site.url}/unknown.csv"),))
    small_catalogue = {
        "toy": Dataset(name="toy", summary="two files", licence="MIT", source=site.url, parts=tuple(toy)),
        "new": Dataset(name="new", summary="one file", licence="CC0-1.0", source=site.url, parts=(new,)),
    }
    with monkeypatch.context() as patch:
        patch.setattr(catalogue, "datasets", lambda: small_catalogue)
        patch.setattr("raytune_suite.datasets.datasets", lambda: small_catalogue)
        catalogue.parts.cache_clear()
        catalogue._files_by_path.cache_clear()
        yield site
    catalogue.parts.cache_clear()
    catalogue._files_by_path.cache_clear()
