"""Checks of own hosts (the provider `local`): their addresses, and the account on them."""

from __future__ import annotations

import contextlib
import ipaddress
import re
from typing import TYPE_CHECKING, Any

from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.document import on_this_machine
from raytune_suite.cluster.pools import provider
from raytune_suite.cluster.ray_start import only_this_machine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

HOST_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?")
CAPITALS = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+")
ONLY_HERE = ("localhost", "127.0.0.1", "::1", "0.0.0.0", "172.17.0.1", "192.168.122.1")  # noqa: S104 - read, not bound
PROXY_COMMAND = re.compile(r"ProxyCommand[= ]([\"']?)(.+?)(?:\1(?=\s|$)|$)", re.IGNORECASE)
"""A proxy command among the options of ssh."""

PRIVATE = [ipaddress.ip_network(one) for one in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")]
"""Networks whose addresses other networks do not reach without a router for them."""

NO_KEYS = ("known_hosts", "authorized_keys", "config", "known_hosts.old")
"""Files in ~/.ssh that are not keys."""

ACCOUNT = re.compile(r"[A-Za-z_][\w.-]*\$?")


def check(document: ClusterDocument) -> Iterator[Finding]:
    """Yield the mistakes in a file for own hosts."""
    yield from proxy_commands(document)
    for key in ("ssh_private_key", "ssh_public_key"):
        value = document.get("auth", key)
        if isinstance(value, str) and value.rpartition("/")[2] in NO_KEYS:
            reason = f"`{key}` is {value}, which is not a key"
            yield finding(
                document, "RTS601", ("auth", key), reason, "write the path of a key, such as ~/.ssh/id_ed25519"
            )
    if provider(document) != "local":
        return
    yield from account(document)
    if document.get("provider", "coordinator_address"):
        yield from coordinator(document)
        return
    head, workers = document.get("provider", "head_ip"), document.get("provider", "worker_ips")
    if not head:
        remedy = "add `head_ip: ...` with the address of the machine that coordinates"
        yield finding(document, "RTS605", ("provider",), "`head_ip` is missing", remedy)
    if workers is not None and not isinstance(workers, list):
        where: KeyPath = ("provider", "worker_ips")
        names = re.split(r"[\s,]+", str(workers).strip())
        reason = f"`worker_ips` is {workers!r}, text where a list is expected: Ray would take each letter as a host"
        yield finding(document, "RTS605", where, reason, f"write `worker_ips: [{', '.join(names)}]`")
        return
    yield from addresses(document, head, document.entries("provider", "worker_ips"))
    yield from numbers(document, len(document.entries("provider", "worker_ips")))


def numbers(document: ClusterDocument, hosts: int) -> Iterator[Finding]:
    """Yield numbers of workers that differ from the number of hosts."""
    least, most = document.get("min_workers"), document.get("max_workers")
    if isinstance(most, int) and most > hosts > 0:
        reason = f"max_workers is {most}, but there are {hosts} hosts"
        yield finding(document, "RTS203", ("max_workers",), reason, f"write `max_workers: {hosts}`, or add hosts")
    if isinstance(least, int) and 0 <= least < min(hosts, most if isinstance(most, int) else hosts):
        reason = f"min_workers is {least}, so Ray only starts on more of the {hosts} hosts when trials wait"
        yield finding(document, "RTS213", ("min_workers",), reason, f"write `min_workers: {hosts}`")


def addresses(document: ClusterDocument, head: Any, workers: list[Any]) -> Iterator[Finding]:
    """Yield addresses that are not addresses, that only one machine has, or that are listed twice."""
    places: list[tuple[KeyPath, Any]] = [(("provider", "head_ip"), head)] if head else []
    places += [(("provider", "worker_ips", index), worker) for index, worker in enumerate(workers)]
    for where, address in places:
        problem = wrong_address(str(address))
        if problem is not None:
            yield finding(document, "RTS605", where, *problem)
        elif (str(address) in ONLY_HERE or only_this_machine(str(address))) and len(places) > 1:
            reason = f"{address} means each machine itself, so the others cannot reach it"
            remedy = "write the address of the machine in the network, as `hostname -I` shows it there"
            yield finding(document, "RTS605", where, reason, remedy)
        elif special(str(address)) is not None:
            reason = f"{address} is {special(str(address))}, not that of a machine"
            yield finding(document, "RTS605", where, reason, "write the address that `hostname -I` shows there")
    yield from networks(document, places)
    for index, worker in enumerate(workers):
        if worker == head or worker in workers[:index]:
            what = "the head" if worker == head else "another worker"
            reason = f"{worker} is already {what}"
            yield finding(document, "RTS605", ("provider", "worker_ips", index), reason, "list each host once")


def special(text: str) -> str | None:
    """Return what an address means if it cannot be that of a machine, None if it can.

    Example:
        >>> special("224.0.0.1"), special("169.254.1.2"), special("10.0.0.7")
        ('a multicast address', 'a link-local address, which changes', None)
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if address.is_multicast or text == "255.255.255.255":
        return "a multicast address" if address.is_multicast else "the broadcast address"
    return "a link-local address, which changes" if address.is_link_local else None


def networks(document: ClusterDocument, places: list[tuple[KeyPath, Any]]) -> Iterator[Finding]:
    """Yield addresses that are usually those of a network itself, and hosts in different private networks."""
    found: dict[str, str] = {}
    for where, given in places:
        with contextlib.suppress(ValueError):
            address = ipaddress.ip_address(str(given))
            last = str(address).rpartition(".")[2]
            if address.version == 4 and address.is_private and last in ("0", "255"):  # noqa: PLR2004 - IPv4
                reason = f"{given} ends in {last}, as only the addresses of networks do, unless theirs are large"
                yield finding(document, "RTS605", where, reason, "check it", severity="warning")
            network = next((str(one) for one in PRIVATE if address in one), "public")
            first = found.setdefault(network, str(given))
            if len(found) > 1 and first == str(given):
                other = next(iter(found.values()))
                reason = f"{given} is in another network than {other}: all machines must reach each other"
                remedy = "use the addresses of one network, or ignore this if it routes between both"
                yield finding(document, "RTS605", where, reason, remedy, severity="warning")


def wrong_address(text: str) -> tuple[str, str] | None:
    """Return the reason and the remedy if a text is not an IP address or a host name, None if it is.

    Example:
        >>> wrong_address("192.168.1.10"), wrong_address("gpu_node-1.lab"), wrong_address("10.0.0.5:22")[1]
        (None, None, 'write 10.0.0.5')
        >>> [wrong_address(one) is None for one in ("192.168.1.300", "10.0.0", "me@host", "10.0.0.0/24", "node[1-4]")]
        [False, False, False, False, False]
    """
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(text)
        return None
    bare = re.sub(r"^\w+://", "", text.strip()).rpartition("@")[2]
    bare = re.sub(r":\d+$|/.*$", "", bare)
    if bare != text and HOST_NAME.fullmatch(bare) and not re.search(r"/\d+$", text):
        extra = "an account: set `ssh_user` under `auth`" if "@" in text else "only the host, without port or protocol"
        return f"{text!r} is more than an address ({extra})", f"write {bare}"
    if re.search(r"/\d+$|\[.*\]|\d-\d+$|\*", text) and not HOST_NAME.fullmatch(text):
        return f"{text!r} stands for several hosts, which Ray does not expand", "list each host"
    if re.search(r"[,\s]", text.strip()):
        return f"{text!r} is several hosts in one entry", "write one `- ` line per host"
    numeric = re.fullmatch(r"[\d.-]+|.*\.\d+", text) is not None  # the last part of a name is not a number
    if HOST_NAME.fullmatch(text) and not numeric and not CAPITALS.fullmatch(text):
        return None
    what = "looks like a placeholder" if CAPITALS.fullmatch(text) else "is neither an IP address nor a host name"
    return f"{text!r} {what}", "use an address such as 192.168.1.10"


def coordinator(document: ClusterDocument) -> Iterator[Finding]:
    """Yield a finding if the address of the coordinator has no port."""
    where: KeyPath = ("provider", "coordinator_address")
    address = str(document.get(*where))
    if not re.fullmatch(r"[\w.-]+:\d+", address):
        reason = f"`coordinator_address` is {address!r}, but must be HOST:PORT"
        yield finding(document, "RTS605", where, reason, "write, for example, 192.168.1.9:8000")
    for key in ("head_ip", "worker_ips"):
        if document.get("provider", key):
            reason = f"`{key}` is set together with `coordinator_address`, which alone defines the hosts"
            yield finding(document, "RTS605", ("provider", key), reason, "keep one of them", severity="warning")


def jump_host(document: ClusterDocument) -> Iterator[Finding]:
    """Yield a proxy command of own hosts that does not say to which host it leads."""
    command, where = document.get("auth", "ssh_proxy_command"), ("auth", "ssh_proxy_command")
    if isinstance(command, str) and command and "%h" not in command:
        reason = f"`ssh_proxy_command` is {command!r}, without %h, so it leads to the same host for all nodes"
        better = f"{command} -W %h:%p" if "-W" not in command else re.sub(r"-W(?=\s|$)", "-W %h:%p", command, count=1)
        yield finding(document, "RTS601", where, reason, f"write `ssh_proxy_command: {better}`")


def proxy_commands(document: ClusterDocument) -> Iterator[Finding]:
    """Yield proxy commands, also in commands of the file, that do not say to which port they lead."""
    for where, text in document.scalars():
        own = where == ("auth", "ssh_proxy_command") and text != where[-1]
        inner = [match[2] for match in PROXY_COMMAND.finditer(text)]
        for command in [text, *inner] if own else inner:
            problem = without_port(command)
            if problem is not None:
                yield finding(document, "RTS601", where, *problem)
                break


def without_port(command: str) -> tuple[str, str] | None:
    """Return the reason and the remedy if a proxy command leads to a host, but to no port.

    Sources: ssh(1), `-W host:port`; nc(1); `gcloud compute start-iap-tunnel`; socat(1).

    Example:
        >>> without_port("ssh -W %h:%p gateway"), without_port("nc -X 5 -x proxy:1080 %h %p")
        (None, None)
        >>> without_port("ssh -W %h gateway")[1], without_port("nc %h")[1]
        ('write `-W %h:%p`', 'write `%h %p`')
    """
    forward = re.search(r"(?<=\s)-W[ =]*[\"']?([^\s\"']+)", command)
    if forward is not None and ":" not in forward[1] and not re.search(r"[$`]", forward[1]):
        return f"`ssh -W {forward[1]}` has no port: ssh needs HOST:PORT", "write `-W %h:%p`"
    if re.search(r"(^|[\s/])(nc|ncat|netcat)\s(?:[^|;&]*\s)?%h\s*$", command):
        return f"`{command}` has no port", "write `%h %p`"
    if re.search(r"\bstart-iap-tunnel\s+%h\s*($|-)", command):
        return "`gcloud compute start-iap-tunnel` needs a machine and a port", "write `%h %p --listen-on-stdin`"
    if re.search(r"\bsocat\b.*\bTCP[46]?:%h\s*(,|$)", command, re.IGNORECASE):
        return f"`{command}` has no port", "write `TCP:%h:%p`"
    return None


def account(document: ClusterDocument) -> Iterator[Finding]:
    """Yield an account or a key with which no login works."""
    yield from jump_host(document)
    user, where = document.get("auth", "ssh_user"), ("auth", "ssh_user")
    if user is not None and user and not ACCOUNT.fullmatch(str(user)) and "YOUR" not in str(user):
        remedy = f"write `ssh_user: {str(user).partition('@')[0]}`" if "@" in str(user) else "write the name only"
        yield finding(document, "RTS601", where, f"`ssh_user` is {user!r}, which is not the name of an account", remedy)
    for key in ("ssh_private_key", "ssh_public_key"):
        value, place = document.get("auth", key), ("auth", key)
        if not isinstance(value, str):
            continue
        if value.startswith(("ssh-", "-----BEGIN", "ecdsa-")):
            remedy = "write the path of the file with the key"
            yield finding(document, "RTS601", place, f"`{key}` is the key itself, not its file", remedy)
        elif key == "ssh_private_key" and value.endswith(".pub"):
            reason = f"`ssh_private_key` is {value}, a public key"
            yield finding(document, "RTS601", place, reason, f"write {value.removesuffix('.pub')}")
        elif on_this_machine(value).is_dir():
            remedy = "write the path of the file with the key"
            yield finding(document, "RTS601", place, f"`{key}` is {value}, a folder", remedy)
