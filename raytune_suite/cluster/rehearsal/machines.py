"""The machines of the lab, and the switch that joins them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pwd
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from raytune_suite.errors import RehearsalError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

INSIDE = "RAYTUNE_SUITE_LAB"
"""The variable that tells a process in the lab which network was outside."""

TOOLS = {
    "setpriv": "util-linux",
    "unshare": "util-linux",
    "ip": "iproute2",
    "ssh": "openssh-client",
    "sshd": "openssh-server",
    "ssh-keygen": "openssh-client",
    "rsync": "rsync",
    "pgrep": "procps",
}
"""The programs of this host that the lab needs, and the Debian packages that bring them."""

NAMESPACES = ("--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
"""What the lab has of its own, apart from its machines."""

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

CLIENT = "10.254.254.254"
"""The address of the one who uses the cluster: this process."""

SOCKETS_NAME = 10
"""How many letters of an account's hash Ray takes for the folder of its ssh connections."""

BOOT_S = 20.0
"""Seconds within which a machine's ssh server must answer."""


def check_host() -> None:
    """Refuse a host on which there can be no lab.

    Raises:
        RehearsalError: Saying what is missing.
    """
    if sys.platform != "linux":
        raise RehearsalError("a rehearsal needs Linux, whose namespaces are its machines: use a virtual machine")
    missing = sorted({package for tool, package in TOOLS.items() if not find_tool(tool)})
    if missing:
        raise RehearsalError(f"a rehearsal needs more programs: apt-get install {' '.join(missing)}")
    if os.geteuid() != 0:
        me = shlex.join([sys.executable, "-m", "raytune_suite", *sys.argv[1:]])
        raise RehearsalError(f"a rehearsal makes namespaces, for which it must be root: sudo {me}")
    words = [find_tool("unshare") or "unshare", *NAMESPACES, "true"]
    tried = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if tried.returncode != 0:
        raise RehearsalError(
            f"a rehearsal makes namespaces, which even root may not do here ({tried.stderr.strip()}): start a "
            "container with --privileged, or use a virtual machine"
        )


def find_tool(name: str) -> str | None:
    """Where a program is; many accounts do not have /usr/sbin on their path."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:{PATH}")


def enter(words: Sequence[str]) -> int:
    """Run a command in namespaces of its own, which end with it whatever happens; its exit status.

    Within, it is `inside`: it can plug cables and mount folders that nobody else sees.
    """
    wrapped = ["setpriv", "--pdeathsig", "KILL", "unshare", *NAMESPACES, *words]  # though this process be killed
    process = subprocess.Popen(wrapped, env={**os.environ, INSIDE: network()})  # noqa: S603 - our own words
    before = {number: signal.signal(number, _leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        while True:
            with contextlib.suppress(KeyboardInterrupt):  # the one within has had it too, and puts things in order
                return process.wait()
    finally:
        process.kill()
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(number: int, _frame: object) -> NoReturn:
    raise SystemExit(128 + number)


def inside() -> bool:
    """Whether this process is in the lab: it has another network than the one that entered."""
    return os.environ.get(INSIDE, network()) != network()


def network() -> str:
    """The name of this process's network."""
    return str(Path("/proc/self/ns/net").readlink())


@dataclass(frozen=True)
class Machine:
    """A machine that is on.

    Attributes:
        name: Its host name.
        addresses: Its addresses; the first is the one by which it introduces itself.
        process: The process that holds its namespaces.
        cable: The switch's end of its cable.
    """

    name: str
    addresses: tuple[str, ...]
    process: subprocess.Popen[bytes]
    cable: str


class Lab:
    """A switch, the machines on it, and a folder that they share.

    Args:
        folder: What the lab needs lies here: `shared` (the shared folder), `key` (which opens every machine), `logs`.
        user: The account on each machine.
        shared: Where machines have the shared folder, "" for nowhere.
        names: Host names by address, beyond those of the machines.
    """

    def __init__(self, folder: Path, *, user: str, shared: str, names: Mapping[str, str]) -> None:
        self.folder, self.user, self._shared = folder, user, shared
        self._names = dict(names)
        self._machines: dict[str, Machine] = {}
        self._cables = 0
        for part in ("shared", "logs", "disks", "ssh", "tmp", "stand_ins/python/pip"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        for key in ("key", "host_key"):
            _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key))
        self.admit((folder / "key.pub").read_text(encoding="utf-8"))
        self._lay_out_stand_ins()
        self._plug_in_client()

    @property
    def key(self) -> Path:
        """The private key that opens every machine."""
        return self.folder / "key"

    @property
    def shared(self) -> Path:
        """The shared folder, as this process sees it."""
        return self.folder / "shared"

    @property
    def machines(self) -> list[Machine]:
        """Those that are on."""
        return list(self._machines.values())

    def admit(self, public_key: str) -> None:
        """Let machines that are switched on from now on be opened by this key too."""
        with (self.folder / "authorized_keys").open("a", encoding="utf-8") as file:
            file.write(public_key.strip() + "\n")

    def switch_on(self, name: str, addresses: Sequence[str], environment: Mapping[str, str]) -> Machine:
        """Switch a machine on, with an empty disk, and wait until it can be logged in to.

        Args:
            name: Its host name.
            addresses: Its addresses.
            environment: What each of its logins finds in its environment.

        Raises:
            RehearsalError: If it does not come up.
        """
        self._names |= dict.fromkeys(addresses, name)
        lines = ["127.0.0.1 localhost", *(f"{address} {name}" for address, name in self._names.items())]
        (self.folder / "hosts").write_text("\n".join(lines) + "\n", encoding="utf-8")
        path = f"/lab/stand_ins:{Path(sys.executable).parent}:{PATH}"
        exports = {**environment, "PATH": path, "PYTHONPATH": "/lab/stand_ins/python"}
        profile = "".join(f"export {key}={shlex.quote(value)}\n" for key, value in exports.items())
        (self.folder / "profile").write_text(profile, encoding="utf-8")
        variables = {
            "LAB_NAME": name,
            "LAB_USER": self.user,
            "LAB_ADDRESSES": " ".join(addresses),
            "LAB_FOLDER": str(self.folder),
            "LAB_SHARED": self._shared,
            "LAB_KEEP": "\n".join(kept_folders()),
            "LAB_PATH": path,
            "PATH": PATH,
        }
        namespaces = ["--mount", "--net", "--uts", "--ipc", "--pid", "--fork", "--kill-child"]
        script = str(resources.files("raytune_suite.cluster.rehearsal") / "boot.sh")
        with (self.folder / "logs" / f"{name}-sshd.log").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own words
                ["unshare", *namespaces, "bash", script],  # noqa: S607 - where it is differs
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._cables += 1
        machine = Machine(name, tuple(addresses), process, f"cable{self._cables}")
        self._machines[name] = machine
        self._plug_in(machine)
        self._wait_for_ssh(machine)
        return machine

    def cut_power(self, name: str) -> None:
        """Switch a machine off as a power cut does: nobody is told, and its disk is lost."""
        machine = self._machines.pop(name)
        _run("ip", "link", "delete", machine.cable, check=False)  # first the cable, so that no connection is closed
        machine.process.send_signal(signal.SIGKILL)
        machine.process.wait()

    def last_words(self, machine: Machine, files: str) -> str:
        """The last lines of files on a machine that anything is in."""
        words = self.ssh(machine, f"tail -n 12 {files} 2> /dev/null")
        done = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False)  # noqa: S603 - our own words
        return done.stdout.strip()

    def collect_logs(self) -> None:
        """Copy what Ray has logged on each machine into `logs`."""
        for machine in self.machines:
            place = self.folder / "logs" / machine.name
            place.mkdir(exist_ok=True)
            with (place / "ray.tar").open("wb") as file:
                words = self.ssh(machine, "tar --create --dereference --directory /tmp/ray/session_latest logs")
                done = subprocess.run(words, stdout=file, stderr=subprocess.DEVNULL, check=False)  # noqa: S603 - our own words
            if done.returncode == 0:
                with tarfile.open(place / "ray.tar") as archive:
                    archive.extractall(place, filter="data")
            (place / "ray.tar").unlink()

    def shut_down(self) -> None:
        """Switch everything off."""
        for name in list(self._machines):
            self.cut_power(name)
        account = hashlib.sha256(self.folder.name.encode()).hexdigest()[:SOCKETS_NAME]
        shutil.rmtree(f"/tmp/ray_ssh_{account}", ignore_errors=True)  # noqa: S108 - Ray's

    def ssh(self, machine: Machine, command: str) -> list[str]:
        """The words that run a command of a machine's shell over ssh."""
        options = ["-i", str(self.key), "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR"]
        target = f"{self.user}@{machine.addresses[0]}"
        return ["ssh", *options, "-o", "UserKnownHostsFile=/dev/null", target, shlex.join(["bash", "-lc", command])]

    def _lay_out_stand_ins(self) -> None:
        here = resources.files("raytune_suite.cluster.rehearsal")
        for name, source in (
            *((name, "apt-get") for name in ("apt-get", "apt", "yum", "dnf")),
            *((name, "pip") for name in ("pip", "pip3")),
            *((name, name) for name in ("sudo", "mount")),
        ):
            place = self.folder / "stand_ins" / name
            place.write_text((here / "stand_ins" / source).read_text(encoding="utf-8"), encoding="utf-8")
            place.chmod(0o755)
        pip = (here / "pip.py").read_text(encoding="utf-8")
        (self.folder / "stand_ins/python/pip/__init__.py").touch()
        (self.folder / "stand_ins/python/pip/__main__.py").write_text(pip, encoding="utf-8")

    def _plug_in_client(self) -> None:
        """Give this process an address on the switch, and hide what it must neither see nor alter on its host."""
        _run("ip", "link", "set", "lo", "up")
        _run("ip", "link", "add", "switch", "type", "bridge")
        _run("ip", "address", "add", f"{CLIENT}/32", "dev", "switch")
        _run("ip", "link", "set", "switch", "up")
        # Who has an address is asked five times a second, as often as by default: machines come up faster than that
        for name, value in {"retrans_time_ms": 200, "mcast_solicit": 15, "ucast_solicit": 15}.items():
            Path(f"/proc/sys/net/ipv4/neigh/switch/{name}").write_text(str(value), encoding="utf-8")
        _run("ip", "route", "add", "default", "dev", "switch", "src", CLIENT)
        (self.folder / "ssh").chmod(0o700)
        for home in {Path("~").expanduser(), Path(pwd.getpwuid(os.geteuid()).pw_dir)}:
            if not (home / ".ssh").exists():
                (home / ".ssh").mkdir(mode=0o700)
                os.chown(home / ".ssh", home.stat().st_uid, home.stat().st_gid)
            _run("mount", "--bind", str(self.folder / "ssh"), str(home / ".ssh"))  # no key or host of the person's
        # Ray's sockets of ssh connections are named by the account, the cluster and the address: they would lead from
        # one lab to another, or to the real cluster
        os.environ |= {"LOGNAME": self.folder.name, "TMPDIR": str(self.folder / "tmp")}
        os.environ["RAY_TMPDIR"] = str(self.folder / "tmp")
        hosts = self.folder / "client_hosts"
        lines = ["127.0.0.1 localhost", *(f"{address} {name}" for address, name in self._names.items())]
        hosts.write_text("\n".join(lines) + "\n", encoding="utf-8")
        _run("mount", "--bind", str(hosts), "/etc/hosts")
        (self.folder / "resolv.conf").touch()
        _run("mount", "--bind", str(self.folder / "resolv.conf"), str(Path("/etc/resolv.conf").resolve()), check=False)

    def _plug_in(self, machine: Machine) -> None:
        """Lay a cable between the switch and a machine whose namespaces are being made."""
        pid, ours = machine.process.pid, Path("/proc/self/ns/net").readlink()
        end = time.monotonic() + BOOT_S
        with contextlib.suppress(FileNotFoundError):
            while Path(f"/proc/{pid}/ns/net").readlink() == ours:
                if time.monotonic() > end:
                    self._fail(machine)
                time.sleep(0.01)
        peer = f"{machine.cable}m"
        number = hashlib.sha256(machine.addresses[0].encode()).digest()
        hardware = ":".join(["02", *(f"{byte:02x}" for byte in number[:5])])  # the same card when it comes back
        _run("ip", "link", "add", machine.cable, "type", "veth", "peer", "name", peer, "address", hardware)
        _run("ip", "link", "set", machine.cable, "master", "switch", "up")
        _run("ip", "link", "set", peer, "netns", str(pid), "name", "eth0")

    def _wait_for_ssh(self, machine: Machine) -> None:
        end = time.monotonic() + BOOT_S
        while time.monotonic() < end and machine.process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection((machine.addresses[0], 22), timeout=0.5):
                return
            time.sleep(0.05)
        self._fail(machine)

    def _fail(self, machine: Machine) -> NoReturn:
        log = (self.folder / "logs" / f"{machine.name}-sshd.log").read_text(encoding="utf-8", errors="replace")
        raise RehearsalError(f"the lab's machine {machine.name!r} does not come up:\n{log[-2000:]}")


def kept_folders() -> list[str]:
    """The folders that hold this environment: Python, its packages, this package; by each name that leads to them."""
    wanted = {Path(sys.prefix), Path(sys.base_prefix), Path(__file__).parents[3]}
    link = Path(sys.executable)
    while link.is_symlink():  # a virtual environment's Python leads to its base, maybe by other links
        link = link.parent / link.readlink()
        wanted.add(Path(os.path.normpath(link)).parents[1])
    wanted |= {one.resolve() for one in wanted}
    outer = {one for one in wanted if not any(other != one and other in one.parents for other in wanted)}
    mounts = {one for one in wanted - outer if one.stat().st_dev != one.parent.stat().st_dev}
    return [str(one) for one in sorted(outer | mounts) if str(one) not in ("/", "/usr")]


def _run(*words: str, check: bool = True) -> None:
    """Run one of the programs that make the lab.

    Raises:
        RehearsalError: If it fails.
    """
    done = subprocess.run([find_tool(words[0]) or words[0], *words[1:]], capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if check and done.returncode != 0:
        raise RehearsalError(f"the lab cannot be made: `{shlex.join(words)}`: {done.stderr.strip()}")
