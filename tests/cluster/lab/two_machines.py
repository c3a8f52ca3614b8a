"""Two machines of the lab and what they see of each other: two_machines.py FOLDER MARK [stay].

It enters the lab by itself, and prints what it has seen as JSON. With `stay` it switches them on and waits. MARK is the
name of the files that the first machine leaves wherever it can.
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

from raytune_suite.cluster.rehearsal.machines import Lab, Machine, check_host, enter, inside

ADDRESSES = {"10.77.0.1": "first", "10.77.0.2": "second"}
PLACES = ("/etc", "/usr", "/opt", "/var", "/var/tmp", "/home/me", "/tmp", str(Path(__file__).parent))  # noqa: S108 - a machine's


def look(lab: Lab, mark: str) -> dict[str, Any]:
    def ask(machine: Machine, command: str) -> str:
        done = subprocess.run(lab.ssh(machine, command), capture_output=True, text=True, timeout=30, check=False)  # noqa: S603 - our own words
        return done.stdout.strip()

    def marks(machine: Machine) -> list[str]:
        return ask(machine, f"ls -d {' '.join(files)} 2> /dev/null").split()

    first, second = (lab.switch_on(name, [at], {"COLOUR": "sky blue"}) for at, name in ADDRESSES.items())
    files = [shlex.quote(f"{place}/{mark}") for place in PLACES]
    seen: dict[str, Any] = {
        "names": [ask(machine, "hostname; whoami; echo $COLOUR") for machine in (first, second)],
        "answers": [answer(ask, first, at) for at in ("second", "10.77.0.2")] + [answer(ask, second, "first")],
        "outside": answer(ask, first, "192.0.2.1"),
    }
    ask(first, f"touch {' '.join(files)}; rm -r /usr/share/doc; echo >> /etc/passwd; echo word > /shared/word")
    ask(first, f"nohup bash -c 'exec -a {mark} sleep 300' > /dev/null 2>&1 &")
    seen["written"] = [marks(machine) for machine in (first, second)]
    seen["running"] = [ask(machine, f"pgrep -f '^{mark}' | wc -l") for machine in (first, second)]
    seen["shared"] = [ask(second, "cat /shared/word"), (lab.shared / "word").read_text(encoding="utf-8").strip()]
    seen["devices"] = ask(first, "find /dev/ -type b; mknod /tmp/disk b 254 0; ls /tmp/disk").split()
    seen["settings"] = ask(
        first, "for file in /proc/sys/vm/* /sys/kernel/mm/*/*; do echo 1 > $file && echo $file; done"
    )
    seen["stand-ins"] = ask(
        first, "sudo -E -u me A=b bash -c 'echo $A'; sudo mount -t nfs4 -o hard host:/x /mnt; cat /mnt/word"
    )
    lab.cut_power("first")
    seen["dark"] = [connects("10.77.0.1"), answer(ask, second, "first")]
    again = lab.switch_on("first", ["10.77.0.1"], {})
    seen["again"] = [connects("10.77.0.1"), answer(ask, second, "first"), ask(again, "hostname"), marks(again)]
    return seen


def answer(ask: Any, machine: Machine, address: str) -> str:
    """The first letters with which an ssh server greets a machine."""
    return str(ask(machine, f"timeout 2 bash -c 'head -c 3 < /dev/tcp/{address}/22'"))


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
            print(json.dumps(look(lab, mark)))  # noqa: T201 - the test reads it
    finally:
        lab.shut_down()


if __name__ == "__main__":
    if not inside():
        check_host()
        sys.exit(enter([sys.executable, *sys.argv]))
    main(*sys.argv[1:])
