import ctypes
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from study.training.kernels import build
from study.training.kernels.build import KernelsUnavailableError, cache_folder, compiled, compiler, load
from tests.study.training.kernels.helpers import needs_compiler

ROOT = Path(__file__).parents[4]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "residual-study"


@pytest.fixture
def counting_compiler(tmp_path) -> list[str]:
    """A compiler that writes a line each time it compiles, and makes a library in no time."""
    script = tmp_path / "compiler"
    script.write_text(
        f'#!/bin/sh\nif [ "$1" = --version ]; then echo one; exit; fi\necho compiled >> {tmp_path}/log\n'
        'exec c++ -shared -fPIC -x c++ - "-o" "$(for last; do :; done; echo "$last")" </dev/null\n'
    )
    script.chmod(0o755)
    return [str(script)]


def a_compiler_that_fails(tmp_path: Path, message: str) -> list[str]:
    script = tmp_path / "broken"
    script.write_text(f'#!/bin/sh\n[ "$1" = --version ] && exit 0\necho "{message}" >&2\nexit 1\n')
    script.chmod(0o755)
    return [str(script)]


def in_a_new_process(code: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)


@needs_compiler
def test_the_library_is_compiled_once_and_then_found(tmp_path, own_cache, counting_compiler):
    first = compiled(counting_compiler)
    assert first.parent == own_cache
    assert compiled(counting_compiler) == first
    assert (tmp_path / "log").read_text().count("compiled") == 1
    assert [file.name for file in own_cache.iterdir() if file.suffix == ".so"] == [first.name]


@needs_compiler
def test_other_options_or_another_processor_make_another_library(counting_compiler, monkeypatch):
    first = compiled(counting_compiler)
    assert compiled(counting_compiler, ["-DREGISTERS=16"]) != first
    monkeypatch.setattr(build, "processor", lambda: "another")
    assert compiled(counting_compiler) != first


@needs_compiler
def test_two_processes_at_once_both_get_the_library(own_cache):
    code = "from study.training.kernels.build import library; print(library()._name)"
    both = [in_a_new_process(code) for _ in range(2)]
    names = {process.communicate(timeout=120)[0].strip() for process in both}
    assert [process.returncode for process in both] == [0, 0]
    assert names == {str(file) for file in own_cache.glob("*.so")}
    assert len(names) == 1


@needs_compiler
def test_a_damaged_library_is_made_again():
    quickly = ["-O0"]
    compiled(compiler(), quickly).write_bytes(b"not a library")
    assert isinstance(load(compiler(), quickly), ctypes.CDLL)


def test_without_a_compiler_the_message_says_what_was_looked_for(monkeypatch, tmp_path):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(KernelsUnavailableError, match=r"no C\+\+ compiler found \(looked for \$CXX, c\+\+"):
        compiler()


def test_the_compiler_that_is_named_is_taken(monkeypatch):
    monkeypatch.setenv("CXX", "ccache g++-99")
    assert compiler() == ["ccache", "g++-99"]


def test_a_compiler_that_is_not_there_is_an_error_with_its_name():
    with pytest.raises(KernelsUnavailableError, match="no-such-compiler"):
        compiled(["no-such-compiler"])


def test_a_compiler_that_fails_is_quoted_and_leaves_nothing_behind(tmp_path, own_cache):
    command = a_compiler_that_fails(tmp_path, "trunk.cpp:1: error: no such option")
    with pytest.raises(KernelsUnavailableError, match=r"trunk\.cpp:1: error: no such option"):
        compiled(command)
    assert not [file for file in own_cache.iterdir() if file.suffix != ".lock"]


@pytest.fixture
def temporary(tmp_path, monkeypatch) -> Path:
    """Where the temporary folder of this user lies now."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    return tmp_path / "temporary" / f"residual-study-{os.getuid()}"


def a_file(cache: Path) -> None:
    cache.parent.mkdir(parents=True)
    cache.write_text("in its place")


def open_to_all(cache: Path) -> None:
    cache.mkdir(parents=True)
    cache.chmod(0o777)


@pytest.mark.parametrize("spoil", [a_file, open_to_all])
def test_where_the_cache_folder_cannot_be_used_a_temporary_one_is(own_cache, temporary, spoil):
    assert cache_folder() == own_cache
    own_cache.rmdir()
    own_cache.parent.rmdir()
    spoil(own_cache)
    assert cache_folder() == temporary
    assert temporary.stat().st_mode & 0o777 == 0o700


def test_without_a_folder_that_can_be_used_the_message_says_why(own_cache, temporary):
    open_to_all(own_cache)
    a_file_there = temporary
    a_file_there.write_text("")
    with pytest.raises(KernelsUnavailableError, match=r"can be written by others than this user; .*File exists"):
        compiled(["true"])


def test_the_kernels_can_be_switched_off():
    code = (
        "import os; os.environ['RESIDUAL_STUDY_KERNELS'] = 'off'\n"
        "from study.training.kernels.build import *\n"
        "try: library()\nexcept KernelsUnavailableError as error: print(error)"
    )
    assert in_a_new_process(code).communicate(timeout=60)[0].strip() == "RESIDUAL_STUDY_KERNELS is set to off"
