"""An actor that has died, for several tests, since its process takes seconds to start."""

from __future__ import annotations

import os
import sys
from typing import Any, NamedTuple

import pytest
import ray
from ray import cloudpickle
from ray.exceptions import RayActorError

from raytune_suite.engines.ray.train_internals import is_alive


class DeadActor(NamedTuple):
    """Its id, whether it seemed to be alive before, and the error of the call that ended it."""

    id: str
    was_alive: bool
    error: RayActorError


@ray.remote(num_cpus=0)
class Doomed:
    """Can end its own process."""

    def get_id(self) -> str:
        return str(ray.get_runtime_context().get_actor_id())

    def die(self) -> None:
        os._exit(1)


@pytest.fixture(scope="session")
def dead_actor(ray_session: None) -> DeadActor:  # noqa: ARG001 - Ray runs
    cloudpickle.register_pickle_by_value(sys.modules[__name__])  # Ray's processes cannot import the tests
    doomed: Any = Doomed.remote()  # type: ignore[attr-defined] # Ray's decorator hides it
    name = ray.get(doomed.get_id.remote())
    was_alive = is_alive(name)
    with pytest.raises(RayActorError) as caught:
        ray.get(doomed.die.remote())
    return DeadActor(name, was_alive, caught.value)
