"""A lock per study, so that two processes never run one study at the same time.

In a local folder, including on NFS, it is a lock of the operating system (`flock`) on the file `study.lock`, which ends
with the process that holds it, however that ends. In an object store, and where the file system has no locks, the file
is a lease that its holder renews; a lease that was not renewed for `LEASE_S` no longer has a holder. Since clocks may
be set, and differ between machines, such a lease is observed for a while before it is taken. The file names the holder.
To break a lock, remove the file: a holder that is still alive notices it and stops.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import socket
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any, final

from raytune_suite.errors import StudyError, StudyLockedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.engines.storage import Folder

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows
    fcntl = None  # type: ignore[assignment]

LOCK = "study.lock"
"""The file in a study's folder."""

LEASE_S = 60.0
"""A lease is valid for this many seconds after its last renewal."""

RENEW_S = 10.0
"""Seconds between two renewals of a lease."""

SETTLE_S = 1.0
"""After taking a lease, wait this long to see whether another process took it at the same moment."""

OBSERVED = 1.5
"""Before a lease is taken that seems to have ended, it is observed for so many times `RENEW_S`."""

_ATTEMPTS, _PAUSE_S = 4, 0.05

_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL})

_logger = logging.getLogger("raytune_suite")


@contextlib.contextmanager
def study_lock(study: Folder) -> Iterator[StudyLock]:
    """Hold the lock of a study, whose folder is created if it is missing.

    Raises:
        StudyLockedError: If another process holds it.
        OSError: If the lock cannot be written.
    """
    lock: StudyLock = _FileLock(study) if study.local is not None and fcntl is not None else Lease(study)
    try:
        lock.acquire()
    except OSError as error:
        if error.errno not in _NO_LOCKS or isinstance(lock, Lease):
            raise
        lock = Lease(study)
        lock.acquire()
    try:
        yield lock
    finally:
        lock.release()


def is_locked(study: Folder) -> bool:
    """Whether a process runs the study now; False where this cannot be found out."""
    with contextlib.suppress(OSError):
        if not study.has(LOCK):
            return False
        if study.local is not None and fcntl is not None:
            with (study.local / LOCK).open("rb") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except OSError as error:
                    if error.errno not in _NO_LOCKS:
                        return True
                else:
                    return False
        return _is_valid(_holder(study))
    return False


class StudyLock:
    """A lock of one kind.

    Attributes:
        study: The study's folder.
    """

    def __init__(self, study: Folder) -> None:
        """The lock is not held yet."""
        self.study = study
        self._me = {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "started": time.strftime("%Y-%m-%d %H:%M:%S %z"),
            "token": uuid.uuid4().hex,
        }

    def acquire(self) -> None:
        """Take the lock."""
        raise NotImplementedError

    def release(self) -> None:
        """Give the lock back."""
        raise NotImplementedError

    def check(self) -> None:
        """Check that this process still holds the lock.

        Raises:
            StudyError: If the lock was broken.
        """
        raise NotImplementedError

    def _broken(self) -> StudyError:
        return StudyError(
            f"{(self.study / LOCK).path} was removed or replaced, so another process may run this study now. The study "
            "was stopped in this process; resume it with `resume=True` when no other process runs it"
        )

    def _locked(self, holder: dict[str, Any]) -> StudyLockedError:
        return StudyLockedError(self.study.path, {key: holder[key] for key in self._me if key in holder}, LOCK)


@final
class _FileLock(StudyLock):
    """A lock of the operating system."""

    def __init__(self, study: Folder) -> None:
        super().__init__(study)
        assert study.local is not None  # noqa: S101 - the caller has checked it
        self._path = study.local / LOCK
        self._descriptor = -1

    def acquire(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        for attempt in range(_ATTEMPTS):
            time.sleep(_PAUSE_S if attempt else 0)
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                os.close(self._descriptor)
                if error.errno in _NO_LOCKS:
                    raise
                continue  # another process may only look whether it is locked
            if self._is_current():
                with contextlib.suppress(OSError):  # a full disk: the lock works without a name
                    os.ftruncate(self._descriptor, 0)
                    os.pwrite(self._descriptor, json.dumps(self._me).encode(), 0)
                return
            os.close(self._descriptor)  # the file was removed since it was opened
        raise self._locked(_holder(self.study))

    def release(self) -> None:
        os.close(self._descriptor)  # the file stays: removing it would let two processes hold two files

    def check(self) -> None:
        if not self._is_current():
            raise self._broken()

    def _is_current(self) -> bool:
        try:
            return os.path.samestat(self._path.stat(), os.fstat(self._descriptor))
        except FileNotFoundError:
            return False


@final
class Lease(StudyLock):
    """A file that its holder renews."""

    def __init__(self, study: Folder, *, settle_s: float = SETTLE_S, renew_s: float = RENEW_S) -> None:
        """See `SETTLE_S` and `RENEW_S`."""
        super().__init__(study)
        self._settle_s, self._renew_s = settle_s, renew_s
        self._renewed = 0.0
        self._stop = threading.Event()
        self._lost = False
        self._thread: threading.Thread | None = None

    def acquire(self) -> None:
        """Take the lease."""
        holder = _holder(self.study)
        if _may_be_held(holder):
            if not _is_valid(holder):
                time.sleep(OBSERVED * self._renew_s)
            now = _holder(self.study)
            if _is_valid(holder) or now.get("renewed") != holder["renewed"]:
                raise self._locked(now or holder)
        self._write()
        time.sleep(self._settle_s)
        holder = _holder(self.study)
        if holder.get("token") != self._me["token"]:
            raise self._locked(holder)
        self._thread = threading.Thread(target=self._renew, name="study-lease", daemon=True)
        self._thread.start()

    def release(self) -> None:
        """Remove the lease."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        with contextlib.suppress(OSError):
            if not self._lost:
                self.study.remove(LOCK)

    def check(self) -> None:
        """Check that the lease is in place: the last renewal found it, or is long ago, as after SIGSTOP."""
        late = time.monotonic() - self._renewed > LEASE_S / 2
        if self._lost or (late and not self._is_mine()):
            self._lost = True
            raise self._broken()

    def _write(self) -> None:
        renewed = time.monotonic()  # before, so that it is never thought to be later than others see it
        self.study.write(LOCK, json.dumps({**self._me, "renewed": time.time()}).encode())
        self._renewed = renewed

    def _is_mine(self) -> bool:
        return _holder(self.study).get("token") == self._me["token"]

    def _renew(self) -> None:
        while not self._stop.wait(self._renew_s):
            try:
                if not self._is_mine():
                    self._lost = True
                    return
                self._write()
            except OSError as error:
                _logger.warning("the lease %s cannot be renewed: %s", (self.study / LOCK).path, error)


def _holder(study: Folder) -> dict[str, Any]:
    """Who holds the lock, as its file says; empty if there is none."""
    try:
        content = json.loads(study.read(LOCK)) if study.has(LOCK) else {}
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _is_valid(holder: dict[str, Any]) -> bool:
    """Whether a lease was renewed recently, and its process, if it ran on this machine, is there."""
    return _may_be_held(holder) and abs(time.time() - holder["renewed"]) <= LEASE_S


def _may_be_held(holder: dict[str, Any]) -> bool:
    """Whether there is a lease, however old, and its process, if it ran on this machine, is there."""
    if not isinstance(holder.get("renewed"), int | float):
        return False
    return holder.get("host") != socket.gethostname() or _runs(int(holder.get("pid", 0)))


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
