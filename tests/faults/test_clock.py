"""The wall clock is set while a study runs, a day forwards and a day back, for all of its processes and Ray's."""

import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from study.contract.records import read_record
from tests.study.commands import start, wait_for_epoch, write_space
from tests.study.undisturbed import LONG, computed, numbers_of_long

DAY = 86_400  # seconds
# Loaded before the C library, it answers for it: the clock that the kernel has, and the seconds that a file holds.
JUMPING_CLOCK = r"""
#include <cstdlib>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile long* offset() {
    static const volatile long* place = [] {
        static const long none = 0;
        const char* name = getenv("JUMPING_CLOCK");
        int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
        void* mapped = file < 0 ? MAP_FAILED : mmap(nullptr, sizeof(long), PROT_READ, MAP_SHARED, file, 0);
        if (file >= 0) close(file);
        return mapped == MAP_FAILED ? &none : static_cast<const volatile long*>(mapped);
    }();
    return place;
}

extern "C" int clock_gettime(clockid_t clock, timespec* now) noexcept {
    using Function = int (*)(clockid_t, timespec*);
    static const auto real = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "clock_gettime"));
    int result = real(clock, now);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += *offset();
    return result;
}

extern "C" int gettimeofday(timeval* now, void*) noexcept {
    timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

extern "C" time_t time(time_t* place) noexcept {
    timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (place) *place = exact.tv_sec;
    return exact.tv_sec;
}
"""


class Clock:
    """Makes the library, and sets the clock of the programs that have it loaded."""

    def __init__(self, folder: Path) -> None:
        self._offset, source, library = folder / "offset", folder / "clock.cpp", folder / "clock.so"
        source.write_text(JUMPING_CLOCK)
        subprocess.run(["c++", "-O2", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"], check=True)
        self.set(0)
        self.environment = {"LD_PRELOAD": str(library), "JUMPING_CLOCK": str(self._offset)}

    def set(self, seconds: int) -> None:
        """Let it differ from the kernel's by so much; the file stays the same one, which is mapped."""
        with self._offset.open("r+b" if self._offset.exists() else "wb") as file:
            file.write(struct.pack("q", seconds))


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux") or shutil.which("c++") is None, reason="needs Linux and c++")
def test_a_clock_that_jumps_while_a_study_runs_changes_nothing_and_uses_up_no_budget(tmp_path):
    clock = Clock(tmp_path)
    space, results = write_space(tmp_path, f"{LONG}budget: {{hours: 1}}\n"), tmp_path / "results" / "small"
    with start(space, "--no-report", **clock.environment) as process:
        wait_for_epoch(results, 4, process)
        clock.set(DAY)
        forwards = wait_for_epoch(results, 12, process)
        clock.set(-DAY)
        back = wait_for_epoch(results, 20, process)
        out, err = process.communicate(timeout=240)
    assert process.returncode == 0, out + err
    assert "Traceback" not in out + err
    assert forwards["finished"] > back["finished"]  # they did go by that clock
    assert computed(results) == numbers_of_long()
    record, _ = read_record(results / "records" / "0000.jsonl")
    assert record is not None
    assert all(0 < seconds < DAY / 2 for line in record.lines for seconds in line["seconds"])
