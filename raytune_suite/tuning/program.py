"""`ProgramTrainable`: a program in any language as a trainable."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, final

from raytune_suite.engines.storage import Folder, local_folder, study_path
from raytune_suite.errors import ArgumentError, StudyError, near, nearest, shortened
from raytune_suite.tuning.program_metrics import follow, json_metrics, matched
from raytune_suite.tuning.program_process import KILL_AFTER, ProgramProcess
from raytune_suite.types import SEED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from raytune_suite.types import Config

LOGS = "logs"
"""The folder of the logs of trials, in that of a study."""

PLACEHOLDER = re.compile(r"\{([A-Za-z_][\w./-]*)\}")
ARGS, JSON_FILE, CHECKPOINT_DIR, FOLDER = "args", "json_file", "checkpoint_dir", "trial_dir"
_SPECIAL = (ARGS, JSON_FILE, CHECKPOINT_DIR, FOLDER)

SHOWN_LINES, SHOWN_LENGTH = 5, 500
"""The last lines of a log that an error shows, and the characters of each."""

TAIL_BYTES = 1 << 16
"""The end of a log in which these lines are searched."""


@final
@dataclass(frozen=True)
class ProgramTrainable:
    """A program that is run once for each trial, as a trainable of `rts.tune`.

    Its metrics are what it prints on stdout as lines of JSON, such as `{"epoch": 3, "val_loss": 0.2}`. Each such line
    that has the metric is a report; a program that prints one after each epoch can be stopped early. Stopping sends
    SIGTERM and, 5 s later, SIGKILL to all processes of the program.

    Attributes:
        words: The program and its arguments. In each, `{lr}` is replaced by the value of the parameter `lr`, and
            `{optimizer.momentum}` by that of a nested one. The word `{args}` becomes `--lr 0.1 --batch 32` for all
            parameters; within a word, such as that of `sh -c`, they are quoted for the shell. `{json_file}` becomes
            the path of a JSON file with the config, `{trial_dir}` an empty folder, and `{checkpoint_dir}` a folder
            whose files are saved with each report, and restored when the trial continues. The last three are also
            environment variables: TRIAL_CONFIG, TRIAL_DIR and CHECKPOINT_DIR.
        metric: The metric's name.
        pattern: A regular expression that is searched in each line in place of JSON. Its named groups are metrics; a
            group without a name is the metric.
        metrics_file: A file of JSON lines, or with one JSON object, that is read in place of stdout. A relative path is
            one in `{trial_dir}`.
        directory: Where the program runs; None for the folder of the trial.
        folder: The study's folder or URI; the output of each trial is in its subfolder `logs`.

    Raises:
        ArgumentError: If the pattern is not a regular expression with groups, or there are no words.
    """

    words: tuple[str, ...]
    metric: str
    pattern: str | None = None
    metrics_file: str | None = None
    folder: str | None = None
    directory: str | None = None

    def __post_init__(self) -> None:
        if not self.words:
            raise ArgumentError("the command is empty: write the program after `--`, such as -- python train.py {args}")
        if self.pattern is None:
            return
        if self.metrics_file is not None:
            raise ArgumentError(
                "`pattern` and `metrics_file` are both set, but metrics come from one place: leave one out"
            )
        try:
            groups = re.compile(self.pattern).groups
        except re.error as error:
            raise ArgumentError(f"`pattern` is {self.pattern!r}, which is not a regular expression: {error}") from None
        if groups == 0:
            raise ArgumentError(
                f"`pattern` is {self.pattern!r}, but must have a group around the number, such as "
                f"{self.metric}: ([-+.e\\d]+)"
            )

    @property
    def name(self) -> str:
        """The program's name, which the name of a study begins with."""
        script = next((word for word in self.words[1:] if Path(word).suffix in (".py", ".sh", ".jl", ".R")), None)
        return re.sub(r"\W+", "-", Path(script or self.words[0]).stem).strip("-") or "command"

    def as_trainable(self) -> Callable[[Config], None]:
        """A function for `rts.tune`, called like the program."""

        def train(config: Config) -> None:
            self(config)

        train.__name__ = train.__qualname__ = self.name
        return train

    def check(self, names: Sequence[str]) -> None:
        """Check that the program receives each parameter; `names` are those of the space, such as "optimizer/momentum".

        Raises:
            ArgumentError: If a placeholder is unknown, a parameter is not passed, or the program does not exist.
        """
        known = {_dotted(name) for name in names} | {_dotted(name).split(".")[0] for name in names}
        used = {match for word in self.words for match in PLACEHOLDER.findall(word)}
        for name in sorted(used):
            if name not in known and name not in _SPECIAL and name != SEED:
                raise ArgumentError(
                    f"the command has the placeholder {{{name}}}, which is not a parameter of the space"
                    f"{near(name, sorted(known))}; the parameters are {', '.join(sorted(known))}"
                )
        if ARGS not in used and JSON_FILE not in used:
            tops = sorted({_dotted(name).split(".")[0] for name in names})
            missing = [top for top in tops if not any(name.split(".")[0] == top for name in used)]
            if missing:
                raise ArgumentError(
                    f"the command does not use the parameter {missing[0]!r}: add {{{missing[0]}}} where its value "
                    f"belongs, or {{args}} for --{missing[0]} VALUE and all others"
                )
        program = self.words[0]
        if not PLACEHOLDER.search(program) and shutil.which(program) is None:
            raise ArgumentError(f"the program {program!r} does not exist or cannot be executed: write its path")

    def arguments(self, config: Config, paths: Mapping[str, str]) -> list[str]:
        """The words with values in place of the placeholders.

        Args:
            config: The trial's config.
            paths: The values of `json_file`, `trial_dir` and `checkpoint_dir`.

        Example:
            >>> program = ProgramTrainable(("train", "--lr={lr}", "{args}"), "loss")
            >>> program.arguments({"lr": 0.5, "net": {"width": 8}}, {})
            ['train', '--lr=0.5', '--lr', '0.5', '--net.width', '8']
        """
        flat = dict(_flat(config))
        tables = {key: json.dumps(value) for key, value in config.items() if isinstance(value, Mapping)}
        options = [part for name, each in flat.items() for part in (f"--{name}", _text(each))]
        values = {name: _text(value) for name, value in flat.items()} | tables | dict(paths)
        values[ARGS] = shlex.join(options)

        def value(match: re.Match[str]) -> str:
            return values.get(match[1], "")  # a parameter of an option that was not chosen

        words: list[str] = []
        for word in self.words:
            if word == f"{{{ARGS}}}":
                words += options
            else:
                words.append(PLACEHOLDER.sub(value, word))
        return words

    def __call__(self, config: Config) -> None:
        """Run the program for one trial, and report its metrics.

        Raises:
            StudyError: If it fails, or reports no metric.
        """
        from ray import tune

        trial_id = tune.get_context().get_trial_id() or "trial"
        with tempfile.TemporaryDirectory(prefix=f"trial-{trial_id}-") as scratch:
            paths = {name: str(Path(scratch, name)) for name in (CHECKPOINT_DIR, FOLDER)}
            for path in paths.values():
                Path(path).mkdir()
            paths[JSON_FILE] = str(Path(scratch, "config.json"))
            Path(paths[JSON_FILE]).write_text(json.dumps(config, default=str), encoding="utf-8")
            checkpoint = tune.get_checkpoint()
            if checkpoint is not None:
                checkpoint.to_directory(paths[CHECKPOINT_DIR])
            with _Log(self.folder, trial_id, scratch) as log:
                self._run(self.arguments(config, paths), paths, log)

    def _run(self, words: list[str], paths: Mapping[str, str], log: _Log) -> None:
        from ray import tune

        log.write(f"$ {shlex.join(words)}\n")
        environment = {
            **os.environ,
            "TRIAL_CONFIG": paths[JSON_FILE],
            "TRIAL_DIR": paths[FOLDER],
            "CHECKPOINT_DIR": paths[CHECKPOINT_DIR],
            "PYTHONUNBUFFERED": "1",
        }
        pending: dict[str, Any] = {}
        reports = 0
        with ProgramProcess(words, environment, self.directory) as process:
            for metrics in self._metrics(process, Path(paths[FOLDER]), log):
                pending.update(metrics)
                if self.metric not in metrics:
                    continue
                saved = Path(paths[CHECKPOINT_DIR])
                checkpoint = tune.Checkpoint.from_directory(saved) if any(saved.iterdir()) else None
                tune.report(pending, checkpoint=checkpoint)  # ends this thread if the trial is stopped
                pending, reports = {}, reports + 1
            code = process.wait()
        where = f"its output is in {log.path}:\n{log.tail()}"
        if code != 0:
            raise StudyError(f"the program exited with status {code}; {where}")
        if reports == 0:
            hint = f'JSON line such as {{"{self.metric}": 0.5}}'
            if self.pattern:
                hint = "line that matches `--pattern`"
            elif not pending and self.metrics_file is None:
                hint += ", or `--pattern` must say where it is in other lines"
            match = nearest(self.metric, pending)
            printed = (
                f" (it printed {', '.join(pending)}{f': did you mean {match!r}?' if match else ''})" if pending else ""
            )
            raise StudyError(  # the last line is what a study shows
                f"the last lines of the program are:\n{log.tail()}\n"
                f"the program reported no {self.metric!r}{printed}: it must print a {hint}; its output is in {log.path}"
            )

    def _metrics(self, process: ProgramProcess, folder: Path, log: _Log) -> Iterator[dict[str, Any]]:
        """Yield the metrics in each line that has some."""
        if self.metrics_file is not None:
            reader = threading.Thread(target=log.copy, args=(process.lines(),), daemon=True)
            reader.start()
            path = folder / self.metrics_file
            yield from follow(path, process)
            reader.join(timeout=KILL_AFTER)
            return
        expression = None if self.pattern is None else re.compile(self.pattern)
        for line in process.lines():
            log.write(line)
            metrics = json_metrics(line) if expression is None else matched(expression, line, self.metric)
            if metrics:
                yield metrics


class _Log:
    """The output of one trial: a file in the study's folder, or one that is copied to its URI at the end."""

    def __init__(self, folder: str | None, trial_id: str, scratch: str) -> None:
        local = None if folder is None else local_folder(folder)
        self._remote = folder if folder is not None and local is None else None
        self._name = f"{trial_id}.log"
        self._path = Path(scratch if local is None else local / LOGS, self._name)
        self.path = str(self._path) if self._remote is None else study_path(self._remote, f"{LOGS}/{self._name}")

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("a", encoding="utf-8")
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        if self._remote is not None:
            (Folder.at(self._remote) / LOGS).write(self._name, self._path.read_bytes())

    def write(self, text: str) -> None:
        self._file.write(text)
        self._file.flush()

    def copy(self, lines: Iterator[str]) -> None:
        for line in lines:
            self.write(line)

    def tail(self) -> str:
        """The last lines."""
        with self._path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
        return "\n".join(shortened(line, SHOWN_LENGTH) for line in lines[-SHOWN_LINES:])


def _dotted(name: str) -> str:
    """The name of a parameter as the command line has it.

    Example:
        >>> _dotted("optimizer[0]/momentum")
        'optimizer.momentum'
    """
    return re.sub(r"\[\d+\]", "", name).replace("/", ".")


def _flat(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _text(value: Any) -> str:
    """A value as an argument: text as it is, anything else as JSON.

    Example:
        >>> _text("adam"), _text(True), _text(1e-05)
        ('adam', 'true', '1e-05')
    """
    return value if isinstance(value, str) else json.dumps(value, default=str)
