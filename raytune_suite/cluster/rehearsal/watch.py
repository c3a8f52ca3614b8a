"""Tell each second which nodes a cluster has and how many actors are on each; it runs on the head, see watcher.py."""

import json
import logging
import time
from typing import Any

import ray
from ray.util import state


def look() -> dict[str, Any]:
    """What each node that is alive offers and runs, by its address."""
    nodes = {node["NodeID"]: node for node in ray.nodes() if node["Alive"]}
    actors = [actor.node_id for actor in state.list_actors(filters=[("state", "=", "ALIVE")], limit=1000)]
    return {
        node["NodeManagerAddress"]: {
            "gpus": node["Resources"].get("GPU", 0.0),
            "cpus": node["Resources"].get("CPU", 0.0),
            "actors": actors.count(number),
        }
        for number, node in nodes.items()
    }


if __name__ == "__main__":
    ray.init(address="auto", log_to_driver=False, logging_level=logging.ERROR)
    while True:
        print(json.dumps(look()), flush=True)  # noqa: T201 - the rehearsal reads it
        time.sleep(1)
