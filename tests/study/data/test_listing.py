import os
from collections.abc import Callable
from pathlib import Path

import pytest

from study.data.arrays import DataError
from study.data.listing import list_folder
from tests.study.data.helpers import write_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "pets", {"cat": 3, "dog": 2})


def test_the_order_is_by_class_then_by_path_and_sub_folders_belong_to_their_class(
    folder: Path,
) -> None:
    (folder / "train/cat/a").mkdir()
    (folder / "train/cat/0001.png").rename(folder / "train/cat/a/0001.PNG")
    (folder / "train/cat/.hidden.png").write_bytes(b"")
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / "train/.ipynb_checkpoints").mkdir()
    listing = list_folder(folder)
    assert listing.problems == []
    assert listing.classes == ("cat", "dog")
    assert [path.removeprefix(f"{folder}/") for path in listing.paths] == [
        "train/cat/0000.png",
        "train/cat/0002.png",
        "train/cat/a/0001.PNG",
        "train/dog/0000.png",
        "train/dog/0001.png",
        "test/cat/0000.png",
        "test/dog/0000.png",
    ]


def test_files_that_are_no_images_are_left_out(folder: Path) -> None:
    (folder / "train/cat/notes.txt").write_text("by hand")
    listing = list_folder(folder)
    assert len(listing.train["cat"]) == 3
    assert listing.left_out == [f"{folder}/train/cat/notes.txt"]


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere: no such folder"):
        list_folder(tmp_path / "nowhere")


def test_a_file_is_not_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="file: not a folder"):
        list_folder(tmp_path / "file")


def test_a_path_that_the_system_refuses(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        list_folder(tmp_path / ("x" * 300))


def test_train_and_test_are_needed(tmp_path: Path) -> None:
    with pytest.raises(DataError) as raised:
        list_folder(tmp_path)
    first, second = str(raised.value).splitlines()
    assert first.startswith(f"{tmp_path}/train: no such folder")
    assert second.startswith(f"{tmp_path}/test: no such folder")


def test_every_class_is_needed_in_both(folder: Path) -> None:
    (folder / "train/dog").rename(folder / "train/dogs")
    problems = list_folder(folder).problems
    assert len(problems) == 2
    assert problems[0].startswith(f"{folder}/train/dog: no such folder, but test/dog is there")
    assert problems[1].startswith(f"{folder}/test/dogs: no such folder, but train/dogs is there")


def test_a_class_without_images(folder: Path) -> None:
    (folder / "test/dog/0000.png").unlink()
    [problem] = list_folder(folder).problems
    assert problem.startswith(f"{folder}/test/dog: a class without images")


def test_one_class_is_too_few(tmp_path: Path) -> None:
    [problem] = list_folder(write_folder(tmp_path / "pets", {"cat": 1})).problems
    assert "1 class where at least 2 are needed" in problem


def test_a_link_that_leads_nowhere(folder: Path) -> None:
    (folder / "train/cat/0009.png").symlink_to(folder / "gone.png")
    [problem] = list_folder(folder).problems
    assert problem == f"{folder}/train/cat/0009.png: cannot be read (No such file or directory)"


def add(folder: Path) -> None:
    (folder / "train/cat/0009.png").write_bytes((folder / "train/cat/0000.png").read_bytes())


def remove(folder: Path) -> None:
    (folder / "test/cat/0000.png").unlink()


def rename(folder: Path) -> None:
    (folder / "train/cat/0000.png").rename(folder / "train/cat/0009.png")


def move_to_another_class(folder: Path) -> None:
    (folder / "train/cat/0002.png").rename(folder / "train/dog/0002.png")


def rewrite(folder: Path) -> None:
    file = folder / "train/cat/0000.png"
    file.write_bytes(file.read_bytes() + b" ")


def rewrite_with_the_same_size_and_time(folder: Path) -> None:
    file = folder / "train/cat/0000.png"
    status, content = file.stat(), bytearray(file.read_bytes())
    content[100] ^= 1
    file.write_bytes(content)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize(
    "change",
    [
        add,
        remove,
        rename,
        move_to_another_class,
        rewrite,
        rewrite_with_the_same_size_and_time,
    ],
)
def test_a_change_of_the_folder_changes_the_key(folder: Path, change: Callable[[Path], None]) -> None:
    before = list_folder(folder).key()
    assert list_folder(folder).key() == before
    change(folder)
    assert list_folder(folder).key() != before


def test_the_key_does_not_depend_on_how_the_folder_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    key = list_folder(folder).key()
    assert list_folder(Path("pets")).key() == key
    monkeypatch.chdir(folder)
    assert list_folder(Path()).key() == key
