"""Starts a Ray of this machine alone."""

import contextlib
import logging
import os
import resource
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import ray
from ray._private import ray_constants, worker
from ray._raylet import AuthenticationTokenLoader  # pyright: ignore[reportAttributeAccessIssue]

from study.cluster import janitor, temporary
from study.cluster.watching import watched
from study.process import interrupts
from study.process.exit_status import BROKEN
from study.results.machine import available_cpus

_log = logging.getLogger(__name__)
_ENDING = {signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2}
_FILES = 65536  # that Ray and its workers may have open, as far as the system lets them


class NoRayError(ValueError):
    """Ray cannot start; the message says why, and what to change."""


@contextlib.contextmanager
def local_ray(options: dict[str, Any], last_words: Callable[[str], str]) -> Iterator[None]:
    """Start Ray on this machine; with its end its processes, sockets and logs are gone.

    Args:
        options: further ones of ``ray.init``.
        last_words: what to say when Ray has died, by the cause in words; this program then ends.

    Raises:
        NoRayError: it cannot start.
    """
    if address := os.environ.get("RAY_ADDRESS"):
        _log.info("RAY_ADDRESS (%s) is not used: this study runs on this machine; --address auto joins", address)
    _check_loopback()
    _open_more_files()
    with contextlib.ExitStack() as stack:
        try:
            base, reason = temporary.base_folder()
            folder = stack.enter_context(temporary.ray_folder(base))
        except (temporary.NoFolderError, OSError) as error:
            raise NoRayError(f"Ray cannot start on this machine: {error}") from error
        if reason is not None:
            _log.info("%s", reason)
        temporary.say_if_memory_is_small(base)
        os.environ["RAY_TMPDIR"] = str(base)
        _use_a_token()
        stack.enter_context(_janitor(folder))
        stack.callback(_shut_down)
        try:
            _start(folder, options)
        except Exception as error:  # OSError, ValueError, RuntimeError, TimeoutError: Ray has no one kind for it
            raise NoRayError(f"Ray cannot start on this machine: {first_line(error)}") from error
        stack.enter_context(watched(lambda name: give_up(f"Ray's {name} died, perhaps for want of memory", last_words)))
        yield


def first_line(error: Exception) -> str:
    """What an error says first; its kind where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _start(folder: Path, options: dict[str, Any]) -> None:
    """Start Ray, whose processes are to hear none of the signals that end this one: it ends them itself.

    A batch system sends them to every process of a job; a study whose Ray is gone cannot stop well.
    """
    with _deaf(), interrupts.kept(), _on_loopback():
        ray.init(address="local", num_cpus=available_cpus(), include_dashboard=False, _temp_dir=str(folder), **options)


@contextlib.contextmanager
def _on_loopback() -> Iterator[None]:
    """Let Ray listen on 127.0.0.1 alone, as it does by itself on macOS; on Linux it would on every interface."""
    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


def _shut_down() -> None:
    """End Ray, without waiting a second for each of its processes to hear a signal to which they are deaf."""
    node: Any = worker._global_node
    if node is not None:
        kill = node.kill_all_processes
        node.kill_all_processes = lambda check_alive=True, allow_graceful=False, wait=False: kill(
            check_alive=check_alive, allow_graceful=False, wait=wait
        )
    shut_down()


def shut_down() -> None:
    """End Ray, or leave its cluster; what ends a job waits meanwhile, and then ends this program as it should."""
    with _deaf(), interrupts.kept():
        ray.shutdown()


@contextlib.contextmanager
def _deaf() -> Iterator[None]:
    """Let what is started within the block never hear the signals that end a job; here they wait for its end."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _janitor(folder: Path) -> Iterator[None]:
    """Have somebody clean up should this program be killed; in a session of its own, where no Ctrl-C is heard."""
    command = [sys.executable, "-I", str(Path(janitor.__file__)), str(folder)]
    nowhere = subprocess.DEVNULL
    with _deaf():
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=nowhere, stderr=nowhere, start_new_session=True
        )
    with process:
        yield


def give_up(reason: str, last_words: Callable[[str], str]) -> NoReturn:
    """End this program: without Ray its main thread waits, and cannot be woken. The janitor cleans up."""
    try:
        sys.stdout.flush()
        output, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
        for each in (1, 2):  # Ray would print pages of its logs
            os.dup2(nowhere, each)
        shown = "\r\x1b[?25h\n" if os.isatty(output) else ""  # the cursor, which a progress bar hides
        os.write(output, f"{shown}{last_words(reason)}\n".encode())
    finally:
        os._exit(BROKEN)


def _use_a_token() -> None:
    """Let no other user of this machine in. Ray would write a token of its own to the home folder.

    A token that is there, also of a Ray that this process has started before, is used again: Ray keeps the first one.
    """
    tokens = AuthenticationTokenLoader.instance()
    if not tokens.has_token(ignore_auth_mode=True):
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
        tokens.reset_cache()


def _open_more_files() -> None:
    """Raise the number of files that may be open, where a shell has set it lower than the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _check_loopback() -> None:
    """Ray waits for minutes where a machine cannot talk to itself.

    Raises:
        NoRayError: it cannot.
    """
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname(), timeout=5).close()
    except OSError as error:
        raise NoRayError(
            f"Ray cannot start on this machine: its processes talk over 127.0.0.1, which cannot be reached "
            f"({error.strerror or error}); bring the interface up (ip link set lo up), or allow it in the sandbox"
        ) from error
