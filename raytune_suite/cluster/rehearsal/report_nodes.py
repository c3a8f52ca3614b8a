"""Print the nodes of a cluster and their numbers of actors every second. Runs on the head, see node_watcher.py."""

import json
import logging
import time
from typing import Any

import ray
from ray.util import state


def current_nodes() -> dict[str, Any]:
    """Return the resources and the number of actors of each alive node, by address."""
    nodes = {node["NodeID"]: node for node in ray.nodes() if node["Alive"]}
    actors = [actor.node_id for actor in state.list_actors(filters=[("state", "=", "ALIVE")], limit=1000)]
    return {
        node["NodeManagerAddress"]: {
            "gpus": node["Resources"].get("GPU", 0.0),
            "cpus": node["Resources"].get("CPU", 0.0),
            "actors": actors.count(node_id),
        }
        for node_id, node in nodes.items()
    }


if __name__ == "__main__":
    ray.init(address="auto", log_to_driver=False, logging_level=logging.ERROR)
    while True:
        print(json.dumps(current_nodes()), flush=True)  # noqa: T201 - read by the rehearsal
        time.sleep(1)
