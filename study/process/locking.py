"""A lock between processes that ends with its holder, also where the file system knows no locks.

Where it does (``flock``), the kernel releases the lock of a process that dies. Where it does not (some Lustre and NFS
mounts answer ENOLCK or ENOSYS), a file beside the lock names its owner, and one whose owner is gone counts for nothing.
"""

import contextlib
import errno
import fcntl
import json
import logging
import os
import socket
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

_log = logging.getLogger(__name__)

# What flock says on a file system without locks; 524 is the kernel's own ENOTSUPP, which some let through.
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, 524}
_PATIENCE = 0.1  # seconds between two attempts


@dataclass(frozen=True)
class Owner:
    """A process, so described that no other one is taken for it.

    Attributes:
        host: its machine.
        pid: its number there.
        boot: of that machine and of the processes that it can see, where the system tells; empty elsewhere.
        born: when the process began, in the kernel's own count; empty where the system does not tell.
        since: when it took the lock, for people: UTC, ISO 8601.
    """

    host: str
    pid: int
    boot: str
    born: str
    since: str

    @classmethod
    def this_process(cls) -> Self:
        """The one that asks."""
        since = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(socket.gethostname(), os.getpid(), _boot(), _born(os.getpid()), since)

    @classmethod
    def read(cls, file: Path) -> Self | None:
        """The owner that a file names; None where it names none."""
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            return cls(**{name: kind(content[name]) for name, kind in cls.__annotations__.items()})
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.since}"

    def is_gone(self) -> bool:
        """Whether the process is certainly no more; False for one of another machine, which nobody here can see."""
        if self.host != socket.gethostname():
            return False
        if self.boot != _boot():
            # The same machine started again; or a container of its own on it, whose processes cannot be seen here.
            return self.boot.partition(" ")[0] != _boot().partition(" ")[0]
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass
        return self.born != _born(self.pid)


class HeldError(Exception):
    """Another process has the lock; the message says which, as far as it is known."""


class Lock:
    """The lock of a file, which is made where it is missing, and stays.

    Args:
        file: the lock; its content, where the file system has locks, only tells people who took it last.
    """

    def __init__(self, file: Path) -> None:
        self._file, self._owner_file = file, file.with_name(f"{file.name}.owner")
        self._descriptor: int | None = None

    def take(self) -> None:
        """Take it.

        Raises:
            HeldError: another process has it.
            OSError: the file cannot be made.
        """
        while True:
            descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                os.close(descriptor)
                if isinstance(error, BlockingIOError):
                    raise HeldError(str(Owner.read(self._file) or "an unknown process")) from None
                if error.errno not in _NO_LOCKS:
                    raise
                self._take_owner_file(os.strerror(error.errno or 0))
                return
            if _is(descriptor, self._file):
                self._descriptor = descriptor
                with contextlib.suppress(OSError):  # a full disk: the lock holds all the same
                    os.ftruncate(descriptor, 0)
                    os.write(descriptor, _named())
                return
            os.close(descriptor)  # its last holder has removed the file in between

    def release(self) -> None:
        """Let others have it."""
        if self._descriptor is None:
            self._owner_file.unlink(missing_ok=True)
        else:
            os.close(self._descriptor)
            self._descriptor = None

    def _take_owner_file(self, reason: str) -> None:
        while True:
            try:
                descriptor = os.open(self._owner_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
            except FileExistsError:
                self._remove_what_nobody_owns()
                continue
            with os.fdopen(descriptor, "wb") as file:
                file.write(_named())
            said = "%s: this file system has no locks (%s); %s names the process that runs there instead"
            _log.info(said, self._file.parent, reason, self._owner_file.name)
            return

    def _remove_what_nobody_owns(self) -> None:
        """Remove the owner file if its owner is gone.

        Raises:
            HeldError: it is not, or cannot be asked.
        """
        owner = Owner.read(self._owner_file)
        if owner is None:  # just being written, or its writer was killed in that moment
            time.sleep(1)
            owner = Owner.read(self._owner_file)
        if owner is not None and not owner.is_gone():
            raise HeldError(f"{owner}; this file system has no locks: if it is gone, remove {self._owner_file}")
        aside = self._owner_file.with_name(f"{self._owner_file.name}.{uuid.uuid4().hex}")
        with contextlib.suppress(FileNotFoundError):  # another process was faster
            self._owner_file.rename(aside)
            if Owner.read(aside) == owner:
                aside.unlink()
            else:  # another process took the lock between the two steps
                aside.rename(self._owner_file)


@contextlib.contextmanager
def hold(file: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold the lock of a file; while another process has it, wait or fail at once.

    Raises:
        HeldError: another process has it, and ``wait`` is false.
        OSError: the file cannot be made.
    """
    lock, waiting = Lock(file), False
    while True:
        try:
            lock.take()
            break
        except HeldError as error:
            if not wait:
                raise
            if not waiting:
                _log.info("%s: waiting for %s", file, error)
            waiting = True
            time.sleep(_PATIENCE)
    try:
        yield
    finally:
        lock.release()


def _named() -> bytes:
    return json.dumps(asdict(Owner.this_process())).encode() + b"\n"


def _is(descriptor: int, file: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), file.stat())
    except FileNotFoundError:
        return False


def _boot() -> str:
    """Which start of the machine this is, and which processes are seen; empty where the system does not tell."""
    with contextlib.suppress(OSError):
        start = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{start} {Path('/proc/self/ns/pid').readlink()}"
    return ""


def _born(pid: int) -> str:
    """When a process began, in ticks since the start of the machine; empty for one that has ended and only waits."""
    with contextlib.suppress(OSError, IndexError):
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return "" if status[0] in "ZX" else status[19]
    return ""
