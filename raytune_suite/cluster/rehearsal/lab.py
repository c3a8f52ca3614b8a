"""The lab: its machines, and the switch that connects them."""

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
"""The variable that gives a process in the lab the name of the network outside."""

TOOLS = {
    "setpriv": "util-linux",
    "unshare": "util-linux",
    "pivot_root": "util-linux",
    "ip": "iproute2",
    "ssh": "openssh-client",
    "sshd": "openssh-server",
    "ssh-keygen": "openssh-client",
    "rsync": "rsync",
    "pgrep": "procps",
}
"""The programs that the lab needs, and the Debian packages that provide them."""

NAMESPACES = ("--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
"""The options of `unshare` for the lab's own namespaces; its machines have others."""

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

CLIENT = "10.254.254.254"
"""The address of this process, which uses the cluster."""

ACCOUNT_HASH_LENGTH = 10
"""The number of letters of an account's hash in the name of Ray's folder for ssh connections."""

BOOT_S = 20.0
"""Seconds within which a machine's ssh server must respond."""


def check_host() -> None:
    """Check that this host supports a lab.

    Raises:
        RehearsalError: If something is missing; the message says what to do.
    """
    if sys.platform != "linux":
        raise RehearsalError("a rehearsal needs Linux namespaces: use a virtual machine with Linux")
    missing = sorted({package for tool, package in TOOLS.items() if not find_tool(tool)})
    if missing:
        raise RehearsalError(f"programs that a rehearsal needs are missing: apt-get install {' '.join(missing)}")
    if os.geteuid() != 0:
        command = shlex.join([sys.executable, "-m", "raytune_suite", *sys.argv[1:]])
        raise RehearsalError(f"a rehearsal creates namespaces, which requires root: sudo {command}")
    test = [find_tool("unshare") or "unshare", *NAMESPACES, "true"]
    tried = subprocess.run(test, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    if tried.returncode != 0:
        raise RehearsalError(
            f"a rehearsal creates namespaces, which is not permitted here ({tried.stderr.strip()}): start the "
            "container with --privileged, or use a virtual machine"
        )


def find_tool(name: str) -> str | None:
    """Return the path of a program; many accounts do not have /usr/sbin on their PATH."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:{PATH}")


def enter(command: Sequence[str]) -> int:
    """Run a command in its own namespaces, which are removed when it ends, and return its exit status.

    For the command, `inside` is true: its network devices and mounts are invisible to the rest of the host.
    """
    wrapped = ["setpriv", "--pdeathsig", "KILL", "unshare", *NAMESPACES, *command]  # even if this process is killed
    process = subprocess.Popen(wrapped, env={**os.environ, INSIDE: network()})  # noqa: S603 - our own command
    before = {number: signal.signal(number, _leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        while True:
            with contextlib.suppress(KeyboardInterrupt):  # the command receives it too, and cleans up
                return process.wait()
    finally:
        process.kill()
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(number: int, _frame: object) -> NoReturn:
    raise SystemExit(128 + number)


def inside() -> bool:
    """Return whether this process is in the lab, whose network differs from the one outside."""
    return os.environ.get(INSIDE, network()) != network()


def network() -> str:
    """Return the name of this process's network namespace."""
    return str(Path("/proc/self/ns/net").readlink())


@dataclass(frozen=True)
class LabMachine:
    """A machine that is switched on.

    Attributes:
        name: Its host name.
        addresses: Its addresses; outgoing connections use the first.
        process: The process that holds its namespaces.
        cable: The network device that connects it, on the side of the switch.
    """

    name: str
    addresses: tuple[str, ...]
    process: subprocess.Popen[bytes]
    cable: str


class Lab:
    """A switch, the machines connected to it, and a folder that they share.

    Args:
        folder: The folder for the lab's files: `shared` (the shared folder), `key` (for every machine), `logs`.
        user: The account on each machine.
        shared: The path of the shared folder on every machine, "" for nowhere.
        names: Host names by address, in addition to those of the machines.
    """

    def __init__(self, folder: Path, *, user: str, shared: str, names: Mapping[str, str]) -> None:
        self.folder, self.user, self._shared = folder, user, shared
        self._names = dict(names)
        self._machines: dict[str, LabMachine] = {}
        self._cables = 0
        for part in ("shared", "logs", "disks", "client", "tmp", "stand_ins/python/pip"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        for key in ("key", "host_key"):
            _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key))
        self.authorize((folder / "key.pub").read_text(encoding="utf-8"))
        self._install_stand_ins()
        self._plug_in_client()

    @property
    def key(self) -> Path:
        """The private key for logging in to every machine."""
        return self.folder / "key"

    @property
    def shared(self) -> Path:
        """The shared folder, as this process sees it."""
        return self.folder / "shared"

    @property
    def machines(self) -> list[LabMachine]:
        """The machines that are switched on."""
        return list(self._machines.values())

    def authorize(self, public_key: str) -> None:
        """Authorize a key on the machines that are switched on from now on."""
        with (self.folder / "authorized_keys").open("a", encoding="utf-8") as file:
            file.write(public_key.strip() + "\n")

    def switch_on(
        self, name: str, addresses: Sequence[str], environment: Mapping[str, str], *, keep_home: bool = False
    ) -> LabMachine:
        """Switch a machine on, with an empty disk, and wait until it accepts logins.

        Args:
            name: Its host name.
            addresses: Its addresses.
            environment: The environment variables of each login.
            keep_home: Whether the home folder is still there when the machine is switched on again.

        Raises:
            RehearsalError: If it does not start.
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
            "LAB_PYTHON": sys.executable,
            "LAB_HOME": str(self._kept_home(name)) if keep_home else "",
            "LAB_PATH": path,
            "PATH": PATH,
        }
        namespaces = ["--mount", "--net", "--uts", "--ipc", "--pid", "--fork", "--kill-child"]
        script = str(resources.files("raytune_suite.cluster.rehearsal") / "boot.sh")
        with (self.folder / "logs" / f"{name}-sshd.log").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own command
                ["unshare", *namespaces, "bash", script],  # noqa: S607 - its path differs between hosts
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._cables += 1
        machine = LabMachine(name, tuple(addresses), process, f"cable{self._cables}")
        self._machines[name] = machine
        self._plug_in(machine)
        self._wait_for_ssh(machine)
        return machine

    def _kept_home(self, name: str) -> Path:
        home = self.folder / "homes" / name
        home.mkdir(parents=True, exist_ok=True)
        return home

    def cut_power(self, name: str) -> None:
        """Switch a machine off like a power cut: nobody is notified, and its disk is lost."""
        machine = self._machines.pop(name)
        _run(
            "ip", "link", "delete", machine.cable, check=False
        )  # the cable first, so that no connection is closed properly
        machine.process.send_signal(signal.SIGKILL)
        machine.process.wait()

    def tail(self, machine: LabMachine, files: str) -> str:
        """Return the last lines of files on a machine."""
        command = self.ssh(machine, f"tail -n 12 {files} 2> /dev/null")
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)  # noqa: S603 - our own command
        return done.stdout.strip()

    def collect_logs(self) -> None:
        """Copy Ray's logs of each machine to `logs`."""
        for machine in self.machines:
            place = self.folder / "logs" / machine.name
            place.mkdir(exist_ok=True)
            with (place / "ray.tar").open("wb") as file:
                command = self.ssh(machine, "tar --create --dereference --directory /tmp/ray/session_latest logs")
                done = subprocess.run(command, stdout=file, stderr=subprocess.DEVNULL, check=False)  # noqa: S603 - our own command
            if done.returncode == 0:
                with tarfile.open(place / "ray.tar") as archive:
                    archive.extractall(place, filter="data")
            (place / "ray.tar").unlink()

    def shut_down(self) -> None:
        """Switch off all machines."""
        for name in list(self._machines):
            self.cut_power(name)
        account = hashlib.sha256(self.folder.name.encode()).hexdigest()[:ACCOUNT_HASH_LENGTH]
        shutil.rmtree(f"/tmp/ray_ssh_{account}", ignore_errors=True)  # noqa: S108 - Ray's

    def ssh(self, machine: LabMachine, command: str) -> list[str]:
        """Return the command line that runs a shell command on a machine over ssh."""
        options = ["-i", str(self.key), "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR"]
        target = f"{self.user}@{machine.addresses[0]}"
        return ["ssh", *options, "-o", "UserKnownHostsFile=/dev/null", target, shlex.join(["bash", "-lc", command])]

    def _install_stand_ins(self) -> None:
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
        """Give this process an address on the switch, and hide files of the host that it must not see or change."""
        _run("ip", "link", "set", "lo", "up")
        _run("ip", "link", "add", "switch", "type", "bridge")
        _run("ip", "address", "add", f"{CLIENT}/32", "dev", "switch")
        _run("ip", "link", "set", "switch", "up")
        # Query the owner of an address every 0.2 s instead of every second, for three seconds as by default
        for name, value in {"retrans_time_ms": 200, "mcast_solicit": 15, "ucast_solicit": 15}.items():
            Path(f"/proc/sys/net/ipv4/neigh/switch/{name}").write_text(str(value), encoding="utf-8")
        _run("ip", "route", "add", "default", "dev", "switch", "src", CLIENT)
        for name in (".ssh", ".ray"):  # hide the user's keys, known hosts and token
            hidden = self.folder / "client" / name
            hidden.mkdir(mode=0o700, parents=True)
            for home in {Path("~").expanduser(), Path(pwd.getpwuid(os.geteuid()).pw_dir)}:
                if not (home / name).exists():
                    (home / name).mkdir(mode=0o700)
                    os.chown(home / name, home.stat().st_uid, home.stat().st_gid)
                _run("mount", "--bind", str(hidden), str(home / name))
        # Ray names its sockets for ssh connections after the account, the cluster and the address: without another
        # account they could lead to another lab, or to the real cluster
        os.environ |= {"LOGNAME": self.folder.name, "TMPDIR": str(self.folder / "tmp")}
        os.environ["RAY_TMPDIR"] = str(self.folder / "tmp")
        hosts = self.folder / "client_hosts"
        lines = ["127.0.0.1 localhost", *(f"{address} {name}" for address, name in self._names.items())]
        hosts.write_text("\n".join(lines) + "\n", encoding="utf-8")
        _run("mount", "--bind", str(hosts), "/etc/hosts")
        (self.folder / "resolv.conf").touch()
        _run("mount", "--bind", str(self.folder / "resolv.conf"), str(Path("/etc/resolv.conf").resolve()), check=False)

    def _plug_in(self, machine: LabMachine) -> None:
        """Connect the switch to a machine whose namespaces are being created."""
        pid, ours = machine.process.pid, Path("/proc/self/ns/net").readlink()
        end = time.monotonic() + BOOT_S
        with contextlib.suppress(FileNotFoundError):
            while Path(f"/proc/{pid}/ns/net").readlink() == ours:
                if time.monotonic() > end:
                    self._fail(machine)
                time.sleep(0.01)
        peer = f"{machine.cable}m"
        number = hashlib.sha256(machine.addresses[0].encode()).digest()
        hardware = ":".join(
            ["02", *(f"{byte:02x}" for byte in number[:5])]
        )  # the same hardware address when it is switched on again
        _run("ip", "link", "add", machine.cable, "type", "veth", "peer", "name", peer, "address", hardware)
        _run("ip", "link", "set", machine.cable, "master", "switch", "up")
        _run("ip", "link", "set", peer, "netns", str(pid), "name", "eth0")

    def _wait_for_ssh(self, machine: LabMachine) -> None:
        end = time.monotonic() + BOOT_S
        while time.monotonic() < end and machine.process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection((machine.addresses[0], 22), timeout=0.5):
                return
            time.sleep(0.05)
        self._fail(machine)

    def _fail(self, machine: LabMachine) -> NoReturn:
        log = (self.folder / "logs" / f"{machine.name}-sshd.log").read_text(encoding="utf-8", errors="replace")
        raise RehearsalError(f"the machine {machine.name!r} of the lab does not start:\n{log[-2000:]}")


def kept_folders() -> list[str]:
    """Return the folders of Python, its packages and this package, under each name that leads to them.

    Packages in editable mode are elsewhere, in folders of `sys.path`, whose first entry is that of the program.
    """
    wanted = {Path(sys.prefix), Path(sys.base_prefix), Path(__file__).parents[3]}
    wanted |= {Path(one).absolute() for one in sys.path[1:] if Path(one).is_dir()}
    link = Path(sys.executable)
    while link.is_symlink():  # a virtual environment's Python links to its base, possibly through other links
        link = link.parent / link.readlink()
        wanted.add(Path(os.path.normpath(link)).parents[1])
    wanted |= {one.resolve() for one in wanted}
    outer = {one for one in wanted if not any(other != one and other in one.parents for other in wanted)}
    mounts = {one for one in wanted - outer if one.stat().st_dev != one.parent.stat().st_dev}
    return [str(one) for one in sorted(outer | mounts) if str(one) not in ("/", "/usr")]


def _run(*command: str, check: bool = True) -> None:
    """Run one of the programs that create the lab.

    Raises:
        RehearsalError: If it fails.
    """
    program = find_tool(command[0]) or command[0]
    done = subprocess.run([program, *command[1:]], capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    if check and done.returncode != 0:
        raise RehearsalError(f"the lab cannot be created: `{shlex.join(command)}` failed: {done.stderr.strip()}")
