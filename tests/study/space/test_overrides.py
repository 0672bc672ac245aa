"""``--set KEY=VALUE``: wins over the file, and is named where it is wrong."""

from pathlib import Path

import pytest

from study.space import SpaceError, Study, load_study

TEXT = """\
name: a
space:
  num_blocks: {grid: [1, 3]}
  lr: 0.1
compare: {baseline: {num_blocks: 1}}
"""


def load(tmp_path: Path, *overrides: str, text: str = TEXT) -> Study:
    file = tmp_path / "a.yaml"
    file.write_text(text)
    return load_study(file, overrides)


def problems_of(tmp_path: Path, *overrides: str, text: str = TEXT) -> list[str]:
    with pytest.raises(SpaceError) as caught:
        load(tmp_path, *overrides, text=text)
    return [problem.removeprefix(f"{tmp_path / 'a.yaml'}:") for problem in caught.value.problems]


def test_values_are_yaml(tmp_path: Path) -> None:
    study = load(
        tmp_path,
        "seeds=[4, 5]",
        "space.lr=1e-3",
        "space.num_blocks={grid: [0, 2]}",
        "compare.baseline=null",
        "question='Is a = b: so?'",
        "data=/tmp/some folder",
        "checkpoint.every=3",
    )
    assert study.seed_list == (4, 5)
    assert study.axis_values("lr") == (0.001,)
    assert study.axis_values("num_blocks") == (0, 2)
    assert study.compare.baseline is None
    assert study.question == "Is a = b: so?"
    assert study.data == "/tmp/some folder"
    assert (study.checkpoint.every, study.checkpoint.keep) == (3, 2)


def test_the_last_one_wins(tmp_path: Path) -> None:
    assert load(tmp_path, "seeds=3", "seeds=4").seeds == 4


def test_spaces_around_the_key_do_not_matter(tmp_path: Path) -> None:
    assert load(tmp_path, " space . lr = 0.5").axis_values("lr") == (0.5,)


def test_only_the_final_value_is_checked(tmp_path: Path) -> None:
    text = "name: a\nspace: {lr: much}\nseeds: 0\n"
    study = load(tmp_path, "space.lr=0.5", "seeds=0", "seeds=2", text=text)
    assert (study.axis_values("lr"), study.seeds) == ((0.5,), 2)


def test_a_value_below_a_value_replaces_it(tmp_path: Path) -> None:
    assert load(tmp_path, "space.lr.grid=[0.1, 0.2]").axis_values("lr") == (0.1, 0.2)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("space.epochs=0", "space.epochs: should be 1 or more, not 0"),
        ("space.lr={grid: [0.1, 0]}", "space.lr.grid[1]: should be above 0, not 0"),
        ("space.epoch=2", "space.epoch: unknown key (did you mean epochs?)"),
        ("epochs=2", "epochs: unknown key (did you mean space.epochs?)"),
        ("sapce.epochs=2", "sapce: unknown key (did you mean space?)"),
        ("search.algorithm=random", "search.samples: is required"),
        ("compare.baseline.num_blocks=2", "compare.baseline.num_blocks: 2 is not a value that space.num_blocks has; "
         "possible: 1, 3"),
        ("name.x=3", "name: should be text, not a mapping"),
        ("seeds=", "seeds: should be a count such as 5, a list of seeds such as [0, 1, 2], or {start: 5, most: 40}"),
        ("seeds=[1", "seeds: is not valid YAML: while parsing a flow sequence, expected ',' or ']', but got "
         "'<stream end>'"),
        ("space.lr=&a 1", "space.lr: anchors (&) and aliases (*) are not supported; write the value out"),
        ("question=a\udcff", "question: the character '\\udcff' is not allowed"),
        ("seeds", "should be KEY=VALUE with a dotted key, such as space.epochs=2"),
        ("=3", "should be KEY=VALUE with a dotted key, such as space.epochs=2"),
        ("space..lr=3", "should be KEY=VALUE with a dotted key, such as space.epochs=2"),
        ("", "should be KEY=VALUE with a dotted key, such as space.epochs=2"),
    ],
)  # fmt: skip
def test_a_wrong_override_is_its_own_place(tmp_path: Path, override: str, expected: str) -> None:
    assert problems_of(tmp_path, override) == [f"--set {override}: {expected}"]


def test_problems_of_the_file_come_first_then_overrides_in_their_order(tmp_path: Path) -> None:
    problems = problems_of(tmp_path, "seeds=0", "x", "space.epoch=1", "validation=-1", text=TEXT + "precision: half\n")
    assert problems == [
        "6:12: precision: 'half' is not one of float32, tf32, bf16",
        "--set seeds=0: seeds: should be 1 or more, not 0",
        "--set x: should be KEY=VALUE with a dotted key, such as space.epochs=2",
        "--set space.epoch=1: space.epoch: unknown key (did you mean epochs?)",
        "--set validation=-1: validation: should be 0 or more, not -1",
    ]


def test_overrides_are_read_even_where_the_file_is_not(tmp_path: Path) -> None:
    assert problems_of(tmp_path, "seeds=[", "seeds=0", text="name: [") == [
        "1:8: is not valid YAML: while parsing a flow node, expected the node content, but found '<stream end>'",
        "--set seeds=[: seeds: is not valid YAML: while parsing a flow node, expected the node content, but found "
        "'<stream end>'",
    ]
