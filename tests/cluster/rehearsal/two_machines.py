"""Observe how two machines of the lab are isolated: two_machines.py FOLDER MARK [stay].

The script enters the lab, and prints its observations as JSON. With `stay` it only switches the machines on and waits.
MARK is the name of the files that the first machine writes wherever it can.
"""

from __future__ import annotations

import json
import shlex
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from raytune_suite.cluster.rehearsal.lab import Lab, LabMachine, check_host, enter, inside

ADDRESSES = {"10.77.0.1": "first", "10.77.0.2": "second"}
PLACES = ("/etc", "/usr", "/opt", "/var", "/var/tmp", "/home/me", "/tmp", str(Path(__file__).parent))  # noqa: S108 - on a machine of the lab


def observe(lab: Lab, mark: str) -> dict[str, Any]:
    def run(machine: LabMachine, command: str) -> str:
        done = subprocess.run(lab.ssh(machine, command), capture_output=True, text=True, timeout=30, check=False)  # noqa: S603 - our own command
        return done.stdout.strip()

    def marks(machine: LabMachine) -> list[str]:
        return run(machine, f"ls -d {' '.join(files)} 2> /dev/null").split()

    first, second = (lab.switch_on(name, [at], {"COLOUR": "sky blue"}) for at, name in ADDRESSES.items())
    files = [shlex.quote(f"{place}/{mark}") for place in PLACES]
    observed: dict[str, Any] = {
        "names": [run(machine, "hostname; whoami; echo $COLOUR") for machine in (first, second)],
        "answers": [ssh_greeting(run, first, at) for at in ("second", "10.77.0.2")]
        + [ssh_greeting(run, second, "first")],
        "outside": ssh_greeting(run, first, "192.0.2.1"),
    }
    run(first, f"touch {' '.join(files)}; rm -r /usr/share/doc; echo >> /etc/passwd; echo word > /shared/word")
    run(first, f"nohup bash -c 'exec -a {mark} sleep 300' > /dev/null 2>&1 &")
    observed["written"] = [marks(machine) for machine in (first, second)]
    observed["running"] = [run(machine, f"pgrep -f '^{mark}' | wc -l") for machine in (first, second)]
    observed["shared"] = [run(second, "cat /shared/word"), (lab.shared / "word").read_text(encoding="utf-8").strip()]
    observed["devices"] = run(first, "find /dev/ -type b; mknod /tmp/disk b 254 0; ls /tmp/disk").split()
    observed["settings"] = run(
        first, "for file in /proc/sys/vm/* /sys/kernel/mm/*/*; do echo 1 > $file && echo $file; done"
    )
    python, escape = shlex.quote(sys.executable), shlex.quote(str(Path(__file__).with_name("escape.py")))
    observed["escaped"] = json.loads(run(first, f"{python} {escape} {shlex.quote(str(lab.key))}"))
    observed["needed"] = run(first, "touch /usr/x && chown 1000 /usr/x && { sleep 9 & } && kill $! && echo yes")
    observed["stand-ins"] = run(
        first, "sudo -E -u me A=b bash -c 'echo $A'; sudo mount -t nfs4 -o hard host:/x /mnt; cat /mnt/word"
    )
    lab.cut_power("first")
    observed["dark"] = [connects("10.77.0.1"), ssh_greeting(run, second, "first")]
    again = lab.switch_on("first", ["10.77.0.1"], {})
    observed["again"] = [
        connects("10.77.0.1"),
        ssh_greeting(run, second, "first"),
        run(again, "hostname"),
        marks(again),
    ]
    return observed


def ssh_greeting(run: Any, machine: LabMachine, address: str) -> str:
    """Return the first three letters that a machine receives from the ssh server of another."""
    return str(run(machine, f"timeout 2 bash -c 'head -c 3 < /dev/tcp/{address}/22'"))


def connects(address: str) -> bool:
    try:
        socket.create_connection((address, 22), timeout=1).close()
    except OSError:
        return False
    return True


def main(folder: str, mark: str, *stay: str) -> None:
    lab = Lab(Path(folder), user="me", shared="/shared", names=ADDRESSES)
    try:
        if stay:
            for address, name in ADDRESSES.items():
                lab.switch_on(name, [address], {})
            print("on", flush=True)  # noqa: T201 - the test waits for it
            time.sleep(100)
        else:
            print(json.dumps(observe(lab, mark)))  # noqa: T201 - the test reads it
    finally:
        lab.shut_down()


if __name__ == "__main__":
    if not inside():
        check_host()
        sys.exit(enter([sys.executable, *sys.argv]))
    main(*sys.argv[1:])
