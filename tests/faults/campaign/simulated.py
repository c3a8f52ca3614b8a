"""Simulated studies of every method, interrupted, killed at operations on files, or with damaged folders."""

from __future__ import annotations

import contextlib
import functools
import math
import os
import random
import shutil
import unittest.mock
from typing import TYPE_CHECKING, Any

import raytune_suite as rts
from raytune_suite.cli import main
from raytune_suite.engines import snapshots, study_snapshots
from raytune_suite.engines.simulated import engine
from raytune_suite.engines.storage import Folder
from raytune_suite.errors import StudyInterrupted
from tests.engines.simulated import studies
from tests.faults.campaign.cases import LOST, Case, Ended, FaultError, in_process
from tests.faults.file_faults import file_faults, kill_this_process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

KEYS = tuple(studies.VARIANTS)
"""All methods; those with the option `resume` occur a second time with it."""

STEPS = (4, 25)
"""A study is interrupted after so many events."""


def tune_variant(key: str, learner: Any, folder: Path, **how: Any) -> rts.StudyResult:
    """Tune a learner with a method on either engine."""
    method, arguments = studies.VARIANTS[key]
    return rts.tune(
        learner,
        studies.FINITE if method == "grid" else studies.SPACE,
        method=method,
        method_args=arguments,
        metric="loss",
        mode="min",
        max_t=studies.MAX_T,
        num_samples=studies.samples(method),
        seed=3,
        storage_path=folder,
        name="study",
        progress=False,
        **how,
    )


def run(
    key: str, folder: Path, *, resume: bool = False, steps: int | None = None, often: bool = False
) -> rts.StudyResult:
    """Run or resume a study, to its end or until it is interrupted after a number of events.

    With `often`, it takes a snapshot after each event.
    """
    simulation = rts.Simulation(workers=3, cost=studies.cost, snapshot_s=0.0 if often else 3600.0)
    share: Any = study_snapshots
    with (
        contextlib.nullcontext() if steps is None else _interrupted_after(steps),
        unittest.mock.patch.object(share, "SHARE", math.inf if often else share.SHARE),
    ):
        return tune_variant(key, studies.Learner, folder, engine=simulation, resume=resume)


@contextlib.contextmanager
def _interrupted_after(steps: int) -> Iterator[None]:
    """Interrupt the study as Ctrl-C does, after a number of events."""
    patched: Any = engine
    original = patched.deferred_interrupt

    @contextlib.contextmanager
    def countdown() -> Iterator[Callable[[], bool]]:
        left = steps

        def until() -> bool:
            nonlocal left
            left -= 1
            return left < 0

        yield until

    patched.deferred_interrupt = countdown
    try:
        yield
    finally:
        patched.deferred_interrupt = original


def interrupt(key: str, folder: Path, steps: int, *, resume: bool = False) -> Ended:
    """Run or resume a study until it is interrupted."""
    return in_process(functools.partial(_interrupt, key, folder, steps, resume=resume))


def _interrupt(key: str, folder: Path, steps: int | None, *, resume: bool) -> bool:
    with contextlib.suppress(StudyInterrupted):
        run(key, folder, resume=resume, steps=steps)
        return True
    return False


def killed(work: Callable[[], Any], at: int) -> Ended:
    """Call a function in a process that is killed at its operation on files with the number `at`."""

    def killed_work() -> Any:
        with file_faults(at, die=kill_this_process):
            return work()

    return in_process(killed_work)


def operations(work: Callable[[], Any]) -> int:
    """How many operations on files a function has."""

    def counted() -> int:
        with file_faults() as layer:
            work()
        return layer.count

    return int(in_process(counted).value)


def undisturbed(case: Case) -> Path:
    """The folder of the study of a method that ran without faults."""
    folder = case.shared / "undisturbed" / case.label
    if not folder.exists():
        ended = in_process(functools.partial(run, case.label, folder))
        if ended.error:
            shutil.rmtree(folder, ignore_errors=True)
            raise ended.error
    return folder / "study"


def newest(folder: Path) -> int:
    """The number of the snapshot from which a study would resume; 0 if there is none."""
    found = snapshots.latest(Folder.at(str(folder / "study"))).snapshot
    return found.number if found else 0


def check_alike(case: Case, study: Path) -> None:
    """Check with `raytune-suite diff` that a study does not differ from the one without faults."""
    expected = case.expected = undisturbed(case)
    status = in_process(functools.partial(main, ["diff", str(expected), str(study)])).value
    if status != 0:
        raise FaultError(LOST, f"`raytune-suite diff` of {case.label} returns {status}")
    if not rts.load_study(study).reports.equals(rts.load_study(expected).reports):
        raise FaultError(LOST, f"the reports of {case.label} differ")


def kills(case: Case) -> None:
    """Kill one study several times, in a process of its own each time, and compare it with one that was not killed.

    Successive cases of a method kill the second process at successive operations on files; in it, the study is resumed
    and writes a snapshot. The other kills are at random: while the study resumes for a third time, and at its end.
    """
    case.label = KEYS[case.number % len(KEYS)]
    rng = random.Random(f"kills-{case.number}")
    interrupted = interrupt(case.label, case.folder, rng.randrange(*STEPS))
    if interrupted.error:
        raise interrupted.error
    count = _operations_of(case, 0)
    _kill(case, case.number // len(KEYS) % count, rng.randrange(*STEPS))
    _kill(case, rng.randrange(count), rng.randrange(*STEPS))
    _kill(case, rng.randrange(_operations_of(case, None)), None)
    _finish(case)
    check_alike(case, case.folder / "study")


KILLS = 3
"""How often a study that is not interrupted is killed."""


def kills_while_running(case: Case) -> None:
    """Kill a study that takes a snapshot after each event several times, and compare it with one that was not killed.

    The kills are at random operations on files. A study that is killed before its first snapshot is started again.
    """
    case.label = KEYS[case.number % len(KEYS)]
    rng = random.Random(f"kills-while-running-{case.number}")
    count = _counted(case, "running", functools.partial(run, case.label, case.folder / "counted", often=True))
    study = case.folder / "study"
    before = 0
    for left in reversed(range(KILLS + 1)):
        if not before:
            shutil.rmtree(study, ignore_errors=True)
        work = functools.partial(run, case.label, case.folder, resume=bool(before), often=True)
        ended = killed(work, rng.randrange(count // 2)) if left else in_process(work)
        case.count("kills", int(ended.killed))
        if ended.error:
            raise ended.error
        if not ended.killed:
            break
        before, last = newest(case.folder), before
        if before < last and not (study / "decisions.parquet").exists():
            raise FaultError(LOST, f"snapshot {last} is gone")
        if not before and (study / "decisions.parquet").exists():  # killed after its end
            break
    check_alike(case, study)


def _kill(case: Case, at: int, steps: int | None) -> None:
    before = newest(case.folder)
    if not before:  # it had ended before the kill
        return
    ended = killed(functools.partial(_interrupt, case.label, case.folder, steps, resume=True), at)
    case.count("kills", int(ended.killed))
    study = case.folder / "study"
    if newest(case.folder) < before and not (study / "decisions.parquet").exists():
        raise FaultError(LOST, f"operation {at}: snapshot {before} is gone")
    reports = len(rts.load_study(study).reports)
    if not reports:
        raise FaultError(LOST, f"operation {at}: the journal has no reports")


def _finish(case: Case) -> None:
    if newest(case.folder):
        ended = in_process(functools.partial(run, case.label, case.folder, resume=True))
        if ended.error:
            raise ended.error


def _operations_of(case: Case, steps: int | None) -> int:
    """How many operations on files there are when the study is resumed: until its next snapshot, or until its end."""

    def work() -> None:
        copy = case.folder / "copy"
        shutil.copytree(case.folder / "study", copy / "study")
        with contextlib.suppress(StudyInterrupted):
            run(case.label, copy, resume=True, steps=steps)
        shutil.rmtree(copy)

    return _counted(case, str(steps), work)


def _counted(case: Case, what: str, work: Callable[[], Any]) -> int:
    """How many operations on files a function has, which is the same in all cases of a method."""
    place = case.shared / "operations" / f"{case.label}-{what}"
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(str(operations(work)))
    return int(place.read_text())


DAMAGES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "cut": lambda content, rng: content[: rng.randrange(max(len(content), 1))],
    "emptied": lambda _content, _rng: b"",
    "one byte changed": lambda content, rng: _changed(content, rng.randrange(max(len(content), 1)), 1),
    "a block of zeros": lambda content, rng: _changed(content, rng.randrange(max(len(content), 1)), 512),
    "overwritten": lambda content, rng: rng.randbytes(len(content)),
    "appended to": lambda content, rng: content + rng.randbytes(50),
    "last line doubled": lambda content, _rng: content + content[content[:-1].rfind(b"\n") + 1 :],
}
"""What happens to a file; besides, it may be removed, replaced by that of an older snapshot, or become a folder."""

OTHERS = ("removed", "of an older snapshot", "a folder")


def _changed(content: bytes, start: int, length: int) -> bytes:
    old = content[start : start + length]
    new = bytes(len(old)) if length > 1 else bytes(255 - byte for byte in old)
    return content[:start] + new + content[start + length :]


def damage(path: Path, older: Path, rng: random.Random) -> str:
    """Damage a file of a study, of which `older` is an older version; returns how."""
    how = rng.choice([*DAMAGES, *OTHERS])
    if how in DAMAGES:
        path.write_bytes(DAMAGES[how](path.read_bytes(), rng))
    else:
        path.unlink()
        if how == "a folder":
            path.mkdir()
        elif how == "of an older snapshot" and older.exists():
            shutil.copy(older, path)
    return f"{path.name} {how}"


def damaged_folders(case: Case) -> None:
    """Damage one to three files of an interrupted study: a resume gives the same result, or an error that names one."""
    rng = random.Random(f"damaged-{case.number}")
    case.label = KEYS[case.number % len(KEYS)]
    twice = _interrupted_twice(case)
    once = twice.with_name(f"{case.label}-once")
    shutil.copytree(twice, case.folder, dirs_exist_ok=True)
    study = case.folder / "study"
    files = sorted(path for path in study.rglob("*") if path.is_file())
    chosen = rng.sample(files, k=rng.choice([1, 1, 2, 3]))
    done = [damage(path, once / path.relative_to(case.folder), rng) for path in chosen]
    case.count("damaged folders")
    case.count("damaged files", len(chosen))
    try:
        _read(study)
        ended = in_process(functools.partial(run, case.label, case.folder, resume=True))
        if ended.error is None:
            case.count("resumed alike")
            check_alike(case, study)
        else:
            case.count("errors that name a file")
            _check_named(ended.error, [*chosen, study])
    except FaultError as fault:
        raise FaultError(fault.kind, f"{case.label}, {', '.join(done)}: {fault}") from None


def _check_named(error: Exception, paths: list[Path]) -> None:
    if not any(str(path) in str(error) for path in paths):
        raise FaultError(LOST, f"the error names no file: {error}")


def _read(study: Path) -> None:
    """Read a damaged study, which gives a result or one of our errors."""
    in_process(functools.partial(rts.load_study, study))


def _interrupted_twice(case: Case) -> Path:
    """The folder of a study that was interrupted twice; beside it is one of that study after the first time."""
    twice = case.shared / "interrupted" / case.label
    if not twice.exists():
        draft = twice.with_name(f"{case.label}-{os.getpid()}")
        for resume in (False, True):
            ended = interrupt(case.label, draft, 12, resume=resume)
            if ended.error or ended.value:
                raise ended.error or FaultError(LOST, f"{case.label} ended before it was interrupted")
            if not resume:
                shutil.copytree(draft, twice.with_name(f"{case.label}-once"), dirs_exist_ok=True)
        draft.rename(twice)
    return twice
