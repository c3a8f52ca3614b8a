"""Finished trials in a few hundred bytes, since a simulated study may have a hundred thousand of them.

A `Trial` of Ray takes several kilobytes, and most of its attributes are the same for all trials of a study. A packed
trial is only what differs, as bytes. `Trials` creates it again whenever it is used.
"""

from __future__ import annotations

import operator
from typing import Any, final

from ray.tune.experiment import Trial

from raytune_suite.engines.packed_values import PackedSequence, PackedValues, is_plain

_OWN = frozenset(
    {
        "_Trial__unresolved_config",
        "config",
        "evaluated_params",
        "experiment_tag",
        "run_metadata",
        "status",
        "storage",
        "temporary_state",
        "trial_id",
    }
)
"""The attributes in which the trials of a study differ."""

_OWN_METADATA = frozenset(
    {
        "_cached_json",
        "checkpoint_manager",
        "last_result",
        "last_result_time",
        "metric_analysis",
        "metric_n_steps",
        "start_time",
    }
)
"""The attributes in which their metadata differ."""


_NOTHING = (None, None, None)


@final
class FinishedTrial(Trial):
    """A trial that was packed. It has its id and status; the first use of anything else completes it."""

    def __getattr__(self, name: str) -> Any:
        if "_complete" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        complete, *values = self.__dict__.pop("_complete")
        complete(self, *values)
        return getattr(self, name)

    def __reduce_ex__(self, protocol: Any) -> Any:
        self.run_metadata  # noqa: B018 - completes it
        return Trial.__reduce_ex__(self, protocol)


@final
class _Shared:
    """The attributes that an object of a trial shares with that of the template."""

    def __init__(self, template: Any, own: frozenset[str] = frozenset()) -> None:
        """All attributes of `template` but its `own`."""
        self._all = template.__dict__.keys()
        self._names = [name for name in template.__dict__ if name not in own]
        self._values = [template.__dict__[name] for name in self._names]

    def same(self, other: Any) -> bool:
        """Whether another object has the same attributes, and the same objects in those that are shared."""
        values = other.__dict__
        return values.keys() == self._all and all(map(operator.is_, map(values.__getitem__, self._names), self._values))


@final
class TrialPacker:
    """Packs the trials of one study."""

    def __init__(self, template: Trial) -> None:
        """`template` is the trial from which the others are derived."""
        self.template = template
        metadata = template.run_metadata
        self._trial = _Shared(template, _OWN)
        self._storage = _Shared(template.storage)
        self._state = _Shared(template.temporary_state, frozenset({"location"}))
        self._metadata = _Shared(metadata, _OWN_METADATA)
        self._manager = _Shared(metadata.checkpoint_manager, frozenset({"_checkpoint_results"}))
        self._values = PackedValues()
        self._extra: dict[int, tuple[Any, Any, Any]] = {}  # what they cannot hold
        self._keys: list[tuple[tuple[str, ...], tuple[str, ...]]] = []
        self._numbers: dict[tuple[tuple[str, ...], tuple[str, ...]], int] = {}

    def pack(self, trial: Trial) -> int | None:
        """Store a trial that has ended; returns where, or None if it has anything that cannot be restored exactly."""
        own, metadata = trial.__dict__, trial.run_metadata.__dict__
        result, evaluated, config = metadata["last_result"], own["evaluated_params"], own["config"]
        if not (self._restorable(trial) and own["_Trial__unresolved_config"] is config and is_plain(result)):
            return None
        manager = metadata["checkpoint_manager"]
        unused = not manager._checkpoint_results and self._manager.same(manager)  # noqa: SLF001 - Ray's only name
        plain = config if is_plain(config) else {}
        keys = self._number((tuple(plain), tuple(result)))
        times = metadata["last_result_time"], metadata["start_time"]
        strings = own["trial_id"], own["status"], own["experiment_tag"]
        start = self._values.add((keys, *strings, *times, *plain.values(), *result.values()))
        extra = (
            None if unused else manager,
            None if evaluated == config else evaluated,
            None if plain is config else config,
        )
        if extra != _NOTHING:
            self._extra[start] = extra
        return start

    def unpack(self, start: int) -> FinishedTrial:
        """The trial that was stored there."""
        keys, trial_id, status, *values = self._values.read(start)
        trial = object.__new__(FinishedTrial)
        trial.__dict__.update(trial_id=trial_id, status=status, _complete=(self._complete, start, keys, values))
        return trial

    def _complete(self, trial: Trial, start: int, keys: int, values: list[Any]) -> None:
        """Give a packed trial its other attributes."""
        manager, evaluated, config = self._extra.get(start, _NOTHING)
        tag, last_result_time, start_time, *rest = values
        config_keys, result_keys = self._keys[keys]
        if config is None:
            config = dict(zip(config_keys, rest, strict=False))
        result = dict(zip(result_keys, rest[len(config_keys) :], strict=True))
        own, template = trial.__dict__, self.template
        metadata = shallow_copy(template.run_metadata)
        if manager is None:
            manager = shallow_copy(template.run_metadata.checkpoint_manager)
            manager.__dict__["_checkpoint_results"] = []
        metadata.__dict__.update(
            last_result=result,
            last_result_time=last_result_time,
            start_time=start_time,
            metric_analysis={},
            metric_n_steps={},
            checkpoint_manager=manager,
            _cached_json=None,
        )
        trial.__class__ = Trial
        trial.__dict__ = {
            **template.__dict__,
            "config": config,
            "_Trial__unresolved_config": config,
            "evaluated_params": dict(config) if evaluated is None else evaluated,
            "experiment_tag": tag,
            "run_metadata": metadata,
            "storage": shallow_copy(template.storage),
            "temporary_state": type(template.temporary_state)(),
            **own,
        }

    def _number(self, keys: tuple[tuple[str, ...], tuple[str, ...]]) -> int:
        """The number under which the keys of a config and a result are stored; most trials of a study have the same."""
        if keys not in self._numbers:
            self._numbers[keys] = len(self._keys)
            self._keys.append(keys)
        return self._numbers[keys]

    def _restorable(self, trial: Trial) -> bool:
        """Whether a trial has what its template has, but for what is packed."""
        return (
            type(trial) is Trial
            and self._trial.same(trial)
            and self._storage.same(trial.storage)
            and self._state.same(trial.temporary_state)
            and self._metadata.same(trial.run_metadata)
            and not trial.run_metadata.metric_analysis
        )


@final
class Trials(PackedSequence[Trial]):
    """The trials of a study, oldest first. One that was packed is created again at each use: changes of it are lost."""

    def __init__(self) -> None:
        """No trial yet."""
        super().__init__()
        self._positions: dict[Trial, int] = {}  # of those that are not packed
        self._packer: TrialPacker | None = None

    def append(self, item: Trial) -> None:
        """Add a trial at the end."""
        self._positions[item] = len(self)
        super().append(item)

    def remove(self, trial: Trial) -> None:
        """Remove a trial that is not packed."""
        gap = self._positions.pop(trial)
        del self._starts[gap]
        self._positions = {other: position - (position > gap) for other, position in self._positions.items()}
        self._others = {position: other for other, position in self._positions.items()}

    def pack(self, trial: Trial, packer: TrialPacker) -> None:
        """Store a trial that has ended in less memory, if it can be restored exactly."""
        start = packer.pack(trial)
        if start is not None:
            self._packer = packer
            position = self._positions.pop(trial)
            self._starts[position] = start
            del self._others[position]

    def _unpacked(self, start: int) -> Trial:
        assert self._packer is not None  # noqa: S101 - it has packed the trial
        return self._packer.unpack(start)


def shallow_copy(original: Any) -> Any:
    """A shallow copy that avoids the slow `__setattr__` and `__getstate__` of Ray's classes."""
    copied = object.__new__(type(original))
    copied.__dict__.update(original.__dict__)
    return copied
