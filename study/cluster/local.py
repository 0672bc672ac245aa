"""Starts a Ray of this machine alone."""

import contextlib
import logging
import os
import resource
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ray

from study.cluster import temporary
from study.results.machine import available_cpus

_log = logging.getLogger(__name__)
_FILES = 65536  # that Ray and its workers may have open, as far as the system lets them


class NoRayError(ValueError):
    """Ray cannot start; the message says why, and what to change."""


@contextlib.contextmanager
def local_ray(options: dict[str, Any]) -> Iterator[None]:
    """Start Ray on this machine; with its end its processes, sockets and logs are gone.

    Args:
        options: further ones of ``ray.init``.

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
        stack.callback(ray.shutdown)
        try:
            _start(folder, options)
        except Exception as error:  # OSError, ValueError, RuntimeError, TimeoutError: Ray has no one kind for it
            raise NoRayError(f"Ray cannot start on this machine: {first_line(error)}") from error
        yield


def first_line(error: Exception) -> str:
    """What an error says first; its kind where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _start(folder: Path, options: dict[str, Any]) -> None:
    ray.init(address="local", num_cpus=available_cpus(), include_dashboard=False, _temp_dir=str(folder), **options)


def _use_a_token() -> None:
    """Let nobody else in: Ray's ports are open to the network. Ray would keep its own token in the home folder."""
    if os.environ.keys().isdisjoint({"RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"}):
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)


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
