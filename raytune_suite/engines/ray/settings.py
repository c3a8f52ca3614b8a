"""`Settings`: how Ray runs a study."""

from __future__ import annotations

from dataclasses import dataclass

from raytune_suite.types import COUNT
from raytune_suite.validation import check_fields, flag, integer, number, optional


@dataclass(frozen=True)
class Settings:
    """How Ray runs a study. The defaults are the fastest that we measured.

    Raises:
        ArgumentError: If a value cannot be used.

    Attributes:
        reuse_actors: Whether a trial reuses the process of one that has ended. None: where the trainable allows it,
            which is every function without workers, and every class with its own `reset_config`.
        loggers: Whether Ray's CSV, JSON and TensorBoard loggers write each result.
        snapshot_s: Minimum seconds between two snapshots of the study's state, from which a killed study is resumed.
            Snapshots take at most a fiftieth of the time, unless trials save many checkpoints or the storage is so slow
            that five minutes have passed.
        max_failures: How often a trial that crashes is retried from its last checkpoint; -1 for no limit. A trial whose
            machine was lost continues elsewhere, and this is not counted.
        checkpoint_s: Minimum seconds between two checkpoints of a running trial whose class saves and loads its state,
            so that a lost trial continues from there. Checkpoints never take more than a twentieth of a trial's time.
            With `math.inf` a trial is saved only when it is paused. Functions save what they like, and populations
            save their members whenever they copy them.
        keep_checkpoints: How many checkpoints of a trial are kept. None: two, but all with a population method, which
            copies them.
        silent_s: After so many seconds without a report of a running trial, a warning names the trial; `math.inf` for
            no warnings.
        stop_silent: Whether the process of such a trial is killed, which counts as a crash.
    """

    reuse_actors: bool | None = None
    loggers: bool = False
    snapshot_s: float = 5.0
    max_failures: int = 0
    checkpoint_s: float = 30.0
    keep_checkpoints: int | None = None
    silent_s: float = 600.0
    stop_silent: bool = False

    def __post_init__(self) -> None:
        check_fields(
            self,
            reuse_actors=optional(flag()),
            loggers=flag(),
            snapshot_s=number(least=0),
            max_failures=integer(-1),
            checkpoint_s=number(least=0, infinite=True),
            keep_checkpoints=optional(COUNT),
            silent_s=number(above=0, infinite=True),
            stop_silent=flag(),
        )
