"""Check the values of variables by which Ray reads its settings (ray_config_def.h): RAY_NAME.

Ray stops if it cannot read a number; for a switch, each other text than "true" and "1" means false.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raytune_suite.cluster.checks.findings import Finding, finding
from raytune_suite.cluster.checks.start_commands import KEYS
from raytune_suite.cluster.pools import RUN_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Severity
    from raytune_suite.cluster.document import ClusterDocument, KeyPath
    from raytune_suite.cluster.pools import Pool

CHECKED_FRACTION = "RAY_memory_usage_threshold"
"""A fraction that Ray checks when it starts; it takes others as they are."""

FRACTIONS = (CHECKED_FRACTION, "RAY_object_spilling_threshold", "RAY_scheduler_spread_threshold")
NUMBERS = (
    *("RAY_health_check_initial_delay_ms", "RAY_health_check_period_ms", "RAY_health_check_timeout_ms"),
    *("RAY_health_check_failure_threshold", "RAY_memory_monitor_refresh_ms", "RAY_object_store_full_delay_ms"),
    *("RAY_gcs_rpc_server_reconnect_timeout_s", "RAY_gcs_server_request_timeout_seconds", "RAY_task_oom_retries"),
    *("RAY_worker_register_timeout_seconds", "RAY_raylet_client_num_connect_attempts", "RAY_num_workers_soft_limit"),
    *("RAY_grpc_keepalive_time_ms", "RAY_max_io_workers", "RAY_object_timeout_milliseconds"),
    *("RAY_redis_db_connect_retries", "RAY_redis_db_connect_wait_milliseconds", "RAY_min_memory_free_bytes"),
)
"""Settings that are whole numbers."""

SWITCHES = (
    *("RAY_enable_autoscaler_v2", "RAY_preallocate_plasma_memory", "RAY_event_stats"),
    *("RAY_automatic_object_spilling_enabled", "RAY_pull_based_healthcheck"),
)
IN_MILLISECONDS = ("RAY_health_check_period_ms", "RAY_health_check_timeout_ms", "RAY_memory_monitor_refresh_ms")
LEAST_MILLISECONDS = 50
AT_LEAST_1 = ("RAY_health_check_failure_threshold", "RAY_health_check_period_ms", "RAY_health_check_timeout_ms")
MISTAKEN_SWITCH = ("yes", "on", "y", "enable", "enabled", "t")

OF_WORKERS = ("worker_start_ray_commands", "worker_run_options")
HIDDEN_GPUS = re.compile(r"\bCUDA_VISIBLE_DEVICES=(\"\"|''|-1|\"-1\")?(?=[\s;&|]|$)")

ASSIGNED = re.compile(r"\b(RAY_\w+)=(\"[^\"]*\"|'[^']*'|[^\s;&|\"')]*)")


def check(document: ClusterDocument, where: KeyPath, name: str, value: str) -> Iterator[Finding]:
    """Yield a value of a variable that Ray cannot read, or reads as something else."""
    problem = problem_of(name, value)
    if problem is not None:
        reason, remedy, severity = problem
        yield finding(document, "RTS410", where, reason, remedy, severity=severity)


def problem_of(name: str, value: str) -> tuple[str, str, Severity] | None:
    """Return the reason, the remedy and the severity if a variable has a value that Ray does not read as meant.

    Example:
        >>> print(problem_of("RAY_memory_usage_threshold", "95")[1], problem_of("RAY_event_stats", "true"))
        write 0.95 None
    """
    if re.search(r"[$<`{]|YOUR-", value):
        return None
    if name in FRACTIONS and not is_fraction(value):
        percent = re.fullmatch(r"(\d{1,2})(\.\d+)?\s*%?", value)
        remedy = f"write {float(percent[1]) / 100:g}" if percent else "write, for example, 0.95"
        severity: Severity = "error" if name == CHECKED_FRACTION else "warning"
        return f"{name} is {value!r}, but must be a fraction from 0 to 1", remedy, severity
    if name in NUMBERS and not re.fullmatch(r"-?\d+", value):
        reason = f"{name} is {value!r}, but must be a whole number: Ray does not start"
        return reason, "write the number without a unit", "error"
    if name in (*IN_MILLISECONDS, *AT_LEAST_1):
        return too_small(name, int(value))
    if name in SWITCHES and value.lower() in MISTAKEN_SWITCH:
        return f"{name} is {value!r}, which Ray reads as false", 'write "true" or "1"', "warning"
    return None


def too_small(name: str, value: int) -> tuple[str, str, Severity] | None:
    """Return the reason, the remedy and the severity if a number is too small, None if it is not."""
    if name in AT_LEAST_1 and value < 1:
        return f"{name} is {value}, with which Ray considers nodes lost at once", "write 1 or more", "error"
    if name in IN_MILLISECONDS and 0 < value < LEAST_MILLISECONDS:
        return f"{name} is {value}, which are milliseconds", f"write {value * 1000}", "warning"
    return None


def script(text: str) -> Iterator[Finding]:
    """Yield such values in a batch script."""
    for number, line in enumerate(text.splitlines(), 1):
        for name, value in ASSIGNED.findall(line.partition(" #")[0]) if not line.lstrip().startswith("#") else ():
            problem = problem_of(name, value.strip("\"'"))
            if problem is not None:
                yield Finding(number, "RTS410", f"line {number}", *problem)


def is_fraction(text: str) -> bool:
    """Return whether a text is a number from 0 to 1.

    Example:
        >>> is_fraction("0.95"), is_fraction("95"), is_fraction("95%")
        (True, False, False)
    """
    try:
        return 0 <= float(text) <= 1
    except ValueError:
        return False


def commands(document: ClusterDocument, pools: list[Pool]) -> Iterator[Finding]:
    """Yield such values in the commands and the options of containers of a file for `ray up`."""
    places: list[tuple[KeyPath, str]] = [
        ((key, index), text) for key in KEYS for index, text in enumerate(document.strings(key))
    ]
    for key in RUN_OPTIONS:
        places += [(("docker", key, index), text) for index, text in enumerate(document.strings("docker", key))]
    for where, text in places:
        for name, value in ASSIGNED.findall(text):
            yield from check(document, where, name, value.strip("\"'"))
        hidden = HIDDEN_GPUS.search(text)
        if hidden is not None and where[0 if len(where) < 3 else 1] in OF_WORKERS and any(one.gpus for one in pools):  # noqa: PLR2004 - below `docker`
            reason = f"{hidden[0].strip()} hides the GPUs of the workers from Ray"
            remedy = "remove it: Ray sets CUDA_VISIBLE_DEVICES for each trial"
            yield finding(document, "RTS908", where, reason, remedy, severity="warning")
