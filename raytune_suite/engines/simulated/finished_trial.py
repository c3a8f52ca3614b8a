"""Finished trials in a few hundred bytes, since a simulated study may have a hundred thousand of them.

A `Trial` of Ray takes several kilobytes, and most of its attributes are the same for all trials of a study. A packed
trial has only what differs. The first use of anything but its id, status and config turns it into an ordinary trial.
"""

from __future__ import annotations

import marshal
import operator
from typing import TYPE_CHECKING, Any, final

from ray.tune.experiment import Trial

if TYPE_CHECKING:
    from collections.abc import Collection

_PLAIN = frozenset({bool, int, float, str, type(None)})
_STRINGS = frozenset({str})

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

_KEPT = ("trial_id", "status", "config", "_packer", "_packed")
"""The attributes of a packed trial."""

PACKED = len(_KEPT)
"""How many attributes it has, unless something has added one since."""

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


@final
class FinishedTrial(Trial):
    """A packed trial. It becomes an ordinary one when an attribute is used that it does not have."""

    def __getattr__(self, name: str) -> Any:
        if not is_packed(self):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        _unpack(self)
        return getattr(self, name)

    def __getstate__(self) -> Any:
        if is_packed(self):
            _unpack(self)
        return super().__getstate__()  # type: ignore[no-untyped-call] # of Ray


def is_packed(trial: Any) -> bool:
    """Whether a trial is packed."""
    return isinstance(trial, FinishedTrial) and "_packed" in trial.__dict__


def restored_packed(*kept: Any) -> FinishedTrial:
    """A packed trial with these values of its attributes."""
    trial = object.__new__(FinishedTrial)
    trial.__dict__.update(zip(_KEPT, kept, strict=True))
    return trial


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
        self._keys: list[tuple[str, ...]] = []
        self._numbers: dict[tuple[str, ...], int] = {}

    def pack(self, trial: Trial) -> None:
        """Pack a trial that has ended. One with anything that cannot be restored exactly remains as it is."""
        own, metadata = trial.__dict__, trial.run_metadata.__dict__
        result, evaluated, config = metadata["last_result"], own["evaluated_params"], own["config"]
        if not (self._restorable(trial) and own["_Trial__unresolved_config"] is config and _plain(result)):
            return
        manager = metadata["checkpoint_manager"]
        unused = not manager._checkpoint_results and self._manager.same(manager)  # noqa: SLF001 - Ray's only name
        times = metadata["last_result_time"], metadata["start_time"]
        packed = marshal.dumps((self._number(tuple(result)), own["experiment_tag"], *times, *result.values()))
        extra = (None if unused else manager, None if evaluated == config else evaluated)
        kept = own["trial_id"], own["status"], config, self, (packed, *extra) if any(extra) else packed
        trial.__class__ = FinishedTrial
        trial.__dict__ = dict(zip(_KEPT, kept, strict=True))

    def unpack(self, trial: Trial) -> None:
        """Turn a packed trial into an ordinary one."""
        own, template = trial.__dict__, self.template
        packed = own["_packed"]
        values, manager, evaluated = packed if type(packed) is tuple else (packed, None, None)
        keys, tag, last_result_time, start_time, *reported = marshal.loads(values)  # noqa: S302 - written by `pack`
        metadata = shallow_copy(template.run_metadata)
        if manager is None:
            manager = shallow_copy(template.run_metadata.checkpoint_manager)
            manager.__dict__["_checkpoint_results"] = []
        metadata.__dict__.update(
            last_result=dict(zip(self._keys[keys], reported, strict=True)),
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
            "_Trial__unresolved_config": own["config"],
            "evaluated_params": dict(own["config"]) if evaluated is None else evaluated,
            "experiment_tag": tag,
            "run_metadata": metadata,
            "storage": shallow_copy(template.storage),
            "temporary_state": type(template.temporary_state)(),
            **{name: value for name, value in own.items() if name not in ("_packer", "_packed")},
        }

    def _number(self, keys: tuple[str, ...]) -> int:
        """The number under which the keys of a result are stored; most results of a study have the same."""
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


def _unpack(trial: FinishedTrial) -> None:
    trial.__dict__["_packer"].unpack(trial)


def shallow_copy(original: Any) -> Any:
    """A shallow copy that avoids the slow `__setattr__` and `__getstate__` of Ray's classes."""
    copied = object.__new__(type(original))
    copied.__dict__.update(original.__dict__)
    return copied


def _plain(value: Any) -> bool:
    """Whether a value can be stored and restored exactly."""
    if type(value) in _PLAIN:
        return True
    if type(value) is dict:
        return _STRINGS.issuperset(map(type, value)) and _all_plain(value.values())
    return type(value) in (list, tuple) and _all_plain(value)


def _all_plain(values: Collection[Any]) -> bool:
    return _PLAIN.issuperset(map(type, values)) or all(map(_plain, values))
