"""The folder in which a study is stored: its name, its manifest and its tables."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from raytune_suite.engines.storage import local_folder
from raytune_suite.errors import ArgumentError, StudyInterrupted
from raytune_suite.spaces.values import described
from raytune_suite.tuning.arguments import check_name
from raytune_suite.types import DECISIONS

if TYPE_CHECKING:
    from pathlib import Path

    from raytune_suite.engines.base import Engine
    from raytune_suite.engines.callbacks.decision_log import DecisionLog
    from raytune_suite.tuning.result import StudyResult

MANIFEST = "study.json"
SCHEMA = 1


@dataclass(frozen=True)
class StudyFolder:
    """A study's folder, or the URI of one in an object store, which then holds no manifest and no tables.

    Attributes:
        storage_path: The folder or URI of all studies.
        name: The study's name.
    """

    storage_path: str
    name: str

    @property
    def path(self) -> str:
        """The folder or URI."""
        return f"{self.storage_path.rstrip('/')}/{self.name}"

    @property
    def local(self) -> Path | None:
        """The local folder; None for a URI."""
        return local_folder(self.path)

    @property
    def finished(self) -> bool:
        """Whether a finished study is stored here."""
        return self.local is not None and (self.local / DECISIONS).exists()

    def check(self, engine: Engine, manifest: dict[str, Any], *, resume: bool) -> None:
        """Check that the study can be started or resumed here. Writes nothing.

        Raises:
            ArgumentError: If the name is taken, or nothing can be resumed, or an argument differs from the manifest of
                the study to resume.
        """
        resumable = engine.can_resume(self.path)
        if resume and not resumable and self.finished:
            raise ArgumentError(f"`name` is {self.name!r}, a study that has finished: its tables are in {self.path}")
        if resume and not resumable:
            raise ArgumentError(f"`name` is {self.name!r}, but {self.storage_path} has no such study to resume")
        if resumable and not resume:
            raise ArgumentError(
                f"`name` is {self.name!r}, but {self.storage_path} already has such a study: "
                "continue it with `resume=True`, or choose another name"
            )
        if self.local is None:
            return
        if not resume and self.finished:
            raise ArgumentError(
                f"`name` is {self.name!r}, but {self.storage_path} already has a finished study of that name: "
                "choose another name"
            )
        if resume and (self.local / MANIFEST).exists():
            before = json.loads((self.local / MANIFEST).read_text())
            for key, value in plain(manifest).items():
                if before.get(key) != value:
                    raise ArgumentError(
                        f"`{key}` is {value!r}, but was {before.get(key)!r} when this study started: "
                        "resume it with the same arguments"
                    )

    def write_manifest(self, manifest: dict[str, Any]) -> None:
        """Create the folder and write the manifest of a new study.

        Raises:
            ArgumentError: If the folder cannot be created.
        """
        if self.local is None:
            return
        try:
            self.local.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            requirement = "a folder that can be created and written"
            raise ArgumentError.invalid("storage_path", self.storage_path, requirement, str(error)) from error
        (self.local / MANIFEST).write_text(json.dumps(plain(manifest), indent=2) + "\n")

    def write_tables(self, result: StudyResult, decisions: DecisionLog | None) -> None:
        """Write the tables of a finished study."""
        if self.local is None:
            return
        result.reports.to_parquet(self.local / "reports.parquet")
        result.incumbent.to_parquet(self.local / "incumbent.parquet")
        if result.test_scores is not None:
            result.test_scores.to_parquet(self.local / "test_scores.parquet")
        if decisions is not None:
            decisions.write(self.local / DECISIONS)

    def interrupted(self, engine: Engine, when: str) -> StudyInterrupted:
        """The exception after Ctrl-C, with the way to continue."""
        if not engine.can_resume(self.path):
            return StudyInterrupted(f"interrupted {when}; the study was not saved: start it again")
        return StudyInterrupted(
            f"interrupted {when}; everything is saved. To continue, repeat the call with "
            f"`resume=True, name={self.name!r}, storage_path={self.storage_path!r}` "
            f"(`raytune-suite run`: --resume --name {self.name} --storage-path {self.storage_path})"
        )


def study_name(name: str | None, default: str, *, resume: bool) -> str:
    """The study's name: `name`, or `default` and the current time.

    Raises:
        ArgumentError: If it cannot be the name of a folder, or is missing for a study to resume.
    """
    if name is None:
        if resume:
            raise ArgumentError("`resume` needs `name`, the study to continue")
        return f"{default}-{dt.datetime.now().astimezone():%Y%m%d-%H%M%S-%f}"
    return check_name(name)


def plain(value: Any) -> Any:
    """`value` as it is read back from JSON."""
    return json.loads(json.dumps(value, default=described))
