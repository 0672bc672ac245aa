"""Compile the kernels for this machine's processor, once, and load them.

A compiler is looked for as CXX, c++, g++ and clang++. The library is kept in the user's cache folder
(``XDG_CACHE_HOME``, by default ~/.cache; a temporary one if need be), under a name that holds everything it depends on:
the source, the compiler, its options and the processor, since machines of several kinds may share a home folder.
"""

import contextlib
import ctypes
import functools
import hashlib
import logging
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from study.process import locking

SOURCE = Path(__file__).with_name("trunk.cpp")
# "off" keeps to PyTorch: to compare the two, or should a kernel ever be suspected.
SWITCH = "RESIDUAL_STUDY_KERNELS"
OPTIONS = ("-std=c++17", "-O3", "-fno-math-errno", "-ffp-contract=fast", "-fPIC", "-shared")

_logger = logging.getLogger(__name__)


class KernelsUnavailableError(Exception):
    """The kernels are not available on this machine; the message says why."""


class Shape(ctypes.Structure):
    """What the kernels know of a configuration; Shape of trunk.cpp."""

    _fields_ = (("num_blocks", ctypes.c_int32), ("residual", ctypes.c_int32), ("batch_norm", ctypes.c_int32))


def library() -> ctypes.CDLL:
    """The kernels as a loaded library, compiled on first use; cached per process, failures too.

    Raises:
        KernelsUnavailableError: they are switched off, there is no compiler, or it fails.
    """
    found = _library()
    if isinstance(found, str):
        raise KernelsUnavailableError(found)
    return found


@functools.cache
def _library() -> ctypes.CDLL | str:
    """The library, or why there is none."""
    try:
        _check_switch()
        return load(compiler())
    except KernelsUnavailableError as error:
        return str(error)


def _check_switch() -> None:
    if os.environ.get(SWITCH, "").lower() in ("off", "0"):
        raise KernelsUnavailableError(f"{SWITCH} is set to {os.environ[SWITCH]}")


def describe() -> str:
    """The compiler, its options and the hash of everything that the library is made from; compiles nothing.

    Raises:
        KernelsUnavailableError: they are switched off, there is no compiler, or it fails; or, where this process has
            tried already, they could not be compiled or loaded.
    """
    _check_switch()
    if _library.cache_info().currsize:
        library()
    command = compiler()
    options = [*OPTIONS, _for_this_processor()]
    version = _version(command)
    fingerprint = _fingerprint(version, *command, *options)
    return f"{version.splitlines()[0] if version else command[0]}; {shlex.join(options)}; {fingerprint}"


def load(command: Sequence[str], extra: Sequence[str] = ()) -> ctypes.CDLL:
    """The library as ``compiled`` gives it, loaded; one that the cache holds damaged is made again.

    Raises:
        KernelsUnavailableError: see ``compiled``; or what was made cannot be loaded.
    """
    file = compiled(command, extra)
    try:
        return declared(ctypes.CDLL(str(file)))
    except (OSError, AttributeError):
        file.unlink(missing_ok=True)
    file = compiled(command, extra)
    try:
        return declared(ctypes.CDLL(str(file)))
    except (OSError, AttributeError) as error:
        raise KernelsUnavailableError(f"{file} cannot be loaded: {error}") from error


def compiler() -> list[str]:
    """The command of a C++ compiler.

    Raises:
        KernelsUnavailableError: there is none.
    """
    if named := shlex.split(os.environ.get("CXX", "")):
        return named
    for name in ("c++", "g++", "clang++"):
        if shutil.which(name):
            return [name]
    raise KernelsUnavailableError("no C++ compiler found (looked for $CXX, c++, g++, clang++)")


def compiled(command: Sequence[str], extra: Sequence[str] = ()) -> Path:
    """The compiled library, from the cache or made now: in another file first, so that nobody loads half of one.

    Args:
        command: of the compiler.
        extra: options beside the usual ones.

    Raises:
        KernelsUnavailableError: the compiler fails, or the cache folder cannot be written.
    """
    options = [*OPTIONS, _for_this_processor(), *extra]
    try:
        folder = cache_folder()
        file = folder / f"trunk-{_fingerprint(_version(command), *command, *options)}.so"
        if file.exists():
            return file
        with locking.hold(file.with_suffix(".lock"), wait=True):
            if file.exists():
                return file
            _logger.info("compiling the CPU kernels for this machine, once (about 10 s) ...")
            with tempfile.TemporaryDirectory(dir=folder) as scratch:
                made = Path(scratch, file.name)
                _run([*command, *options, str(SOURCE), "-o", str(made)])
                # On the disk before it has its name: half of a library would crash who loads it.
                with made.open("rb") as whole:
                    os.fsync(whole.fileno())
                made.replace(file)
        return file
    except OSError as error:
        raise KernelsUnavailableError(f"the kernels cannot be compiled: {error}") from error


def cache_folder() -> Path:
    """Where compiled libraries are kept: the user's cache folder or, where that cannot be used, a temporary one.

    Raises:
        OSError: neither is this user's own and can be written.
    """
    candidates = [Path(tempfile.gettempdir(), f"residual-study-{os.getuid()}")]
    with contextlib.suppress(RuntimeError):  # a user without a home
        candidates.insert(0, Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "residual-study")
    problems = []
    for folder in candidates:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            problem = _why_not(folder)
        except OSError as error:
            problem = str(error)
        if not problem:
            return folder
        problems.append(problem)
    raise OSError("; ".join(problems))


def _why_not(folder: Path) -> str:
    """Why libraries should not be kept there, or nothing."""
    found = folder.stat()
    # Who may write there may put a library there that we would run.
    if found.st_uid != os.getuid() or found.st_mode & 0o022:
        return f"{folder} can be written by others than this user"
    if not os.access(folder, os.W_OK):
        return f"{folder} cannot be written"
    if os.statvfs(folder).f_flag & getattr(os, "ST_NOEXEC", 0):
        return f"{folder} lies where nothing may be run"
    return ""


def declared(loaded: ctypes.CDLL) -> ctypes.CDLL:
    """The library with the types of its functions; see ENTRY_POINTS of trunk.cpp."""
    pointer, integer, long = ctypes.c_void_p, ctypes.c_int32, ctypes.c_int64
    shape = ctypes.POINTER(Shape)
    for real in ("float", "double"):
        for name, result, arguments in (
            ("workspace_size", long, [shape, integer]),
            ("scratch_size", long, [shape]),
            (
                "forward",
                None,
                [shape, pointer, pointer, integer, pointer, pointer, pointer, integer, integer, pointer, pointer],
            ),
            ("backward", None, [shape, pointer, pointer, integer, integer, integer, pointer, pointer]),
            ("infer", None, [shape, pointer, pointer, integer, pointer, long, long, pointer, pointer, pointer]),
        ):
            function = getattr(loaded, f"{name}_{real}")
            function.restype, function.argtypes = result, arguments
    return loaded


def _for_this_processor() -> str:
    return "-mcpu=native" if platform.machine() in ("arm64", "aarch64") else "-march=native"


def _fingerprint(*parts: str) -> str:
    sources = [file.read_text(encoding="utf-8") for file in sorted(SOURCE.parent.glob("*.h"))]
    content = "\0".join([*parts, SOURCE.read_text(encoding="utf-8"), *sources, processor()])
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def processor() -> str:
    """What tells processors apart that need another build: their instruction sets."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(("flags", "Features")):
                return line
    return f"{sys.platform} {platform.machine()} {platform.processor()}"


def _version(command: Sequence[str]) -> str:
    try:
        return _run([*command, "--version"])
    except OSError as error:
        raise KernelsUnavailableError(f"the kernels cannot be compiled: {error}") from error


def _run(command: Sequence[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except subprocess.CalledProcessError as error:
        lines = error.stderr.splitlines()
        reason = next((line for line in lines if "error" in line), f"exit status {error.returncode}")
        raise KernelsUnavailableError(f"{shlex.join(command)} failed: {reason.strip()}") from error
