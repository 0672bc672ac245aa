import subprocess
import sys

import pytest

from tests.faults.odd_images import try_some
from tests.study.commands import environment

# Far less than what an image that is unpacked, or a file that is read, would take.
BOUNDED = """
import resource, sys
from pathlib import Path
from study.data.arrays import DataError
from study.data.folder import load_folder
from tests.faults.odd_images import REFUSED, saved
from tests.study.data.helpers import write_folder
folder = write_folder(Path(sys.argv[1]) / "odd", {"cat": 1, "dog": 1})
for name, write in REFUSED.items():
    write(folder / "train" / "cat" / name)
has = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (has + 2**30, has + 2**30))
try:
    load_folder(folder, folder / "data")
except DataError as error:
    print(error)
"""


def test_an_odd_folder_of_images_is_a_data_set_or_refused_with_the_files(tmp_path):
    well = try_some(200, 1, tmp_path)
    assert 20 < well < 180


@pytest.mark.slow
def test_two_thousand_of_them(tmp_path):
    try_some(2000, 2, tmp_path)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limit of the memory is Linux's")
def test_none_takes_much_memory(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", BOUNDED, tmp_path], env=environment(), capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    said = done.stdout
    for name in ("huge.png: the image is far larger", "tile.tif: its pixels lie in tiles", "sparse.png: has more than"):
        assert name in said
    assert "sparse.webp: has more than" in said
    assert "Memory" not in said
