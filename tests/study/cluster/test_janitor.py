"""What cleans up behind a Ray whose program is gone, with real processes."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from study.cluster import janitor

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are looked for in /proc")


@contextmanager
def waiting(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process with these arguments that does nothing for a minute."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", *arguments]) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_worker_that_was_just_starting_is_ended_and_makes_no_folder_anew(tmp_path: Path) -> None:
    folder = tmp_path / "rs-1"
    (folder / "session" / "logs").mkdir(parents=True)
    with (
        waiting("/site-packages/ray/worker.py", f"--temp-dir={folder}") as starting,
        waiting("/site-packages/ray/worker.py", f"--temp-dir={folder}2") as of_another_ray,
        waiting(f"{folder}/session/logs") as reader,
    ):
        # They are not below the program that the janitor watches, which is the process that starts it.
        code = f"import subprocess, sys; subprocess.run([sys.executable, '-I', {janitor.__file__!r}, {str(folder)!r}])"
        subprocess.run([sys.executable, "-c", code], stdin=subprocess.DEVNULL, check=True)
        assert starting.wait(timeout=10) != 0
        assert (of_another_ray.poll(), reader.poll()) == (None, None)
    assert not folder.exists()
