"""What is wrong with a space file is said at once, with its place."""

import pickle
from pathlib import Path

import pytest

from study.contract.axes import AXES
from study.space import SpaceError, load_study


def problems_of(tmp_path: Path, text: str | bytes, *overrides: str) -> list[str]:
    """The problems of a file, with its own path cut off."""
    file = tmp_path / "a.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SpaceError) as caught:
        load_study(file, overrides)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return [problem.removeprefix(f"{file}:") for problem in caught.value.problems]


def test_reports_every_problem_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = """\
quetion: x
epochs: 3
data:
space:
  blok: residual
  block: residul
  num_blocks: {grid: [1, 3, 3]}
  batch_norm: on
  lr: {uniform: [0.1, 0.01]}
  epochs: {uniform: [1, 2]}
seeds: []
validation: "0"
search: {algorithm: grid, samples: 4}
scheduler: {name: ashe}
resources: {cpus: 0, gpus: 1.5}
compare:
  across: num_block
  within: num_blocks
  baseline: {num_blocks: 10, depth: 1}
  thresholds: [50, 40]
  questions: [{name: a, a: {lr: 0.5}, b: {}}]
precision: fp16
"""
    assert problems_of(tmp_path, text) == [
        "1:1: name: is required",
        "1:1: quetion: unknown key (did you mean question?)",
        "2:1: epochs: unknown key (did you mean space.epochs?)",
        "3:1: data: should be text, not nothing",
        "5:3: space.blok: unknown key (did you mean block?)",
        "6:10: space.block: 'residul' is not one of residual, conv (did you mean residual?)",
        "7:22: space.num_blocks.grid: 3 stands in the list twice",
        "8:15: space.batch_norm: should be true or false, not 'on'",
        "9:17: space.lr.uniform: should be [low, high] with low below high, not [0.1, 0.01]",
        "10:11: space.epochs: uniform is not for this axis; possible: a value, {grid: [...]}, {choice: [...]}, "
        "{randint: [low, high]}",
        "11:8: seeds: should not be empty",
        "12:13: validation: should be a whole number, not '0': write it without quotes",
        "13:27: search.samples: is not a setting of grid, only of random and optuna",
        "14:19: scheduler.name: 'ashe' is not one of none, asha, median, pbt (did you mean asha?)",
        "15:19: resources.cpus: should be above 0, not 0",
        "15:28: resources.gpus: should be 1 or less: a pack trains on one GPU, other packs use the others",
        f"17:11: compare.across: 'num_block' is not one of {', '.join(AXES)} (did you mean num_blocks?)",
        f"19:30: compare.baseline.depth: unknown key; possible: {', '.join(AXES)}",
        "20:15: compare.thresholds: should rise, each value once",
        "21:42: compare.questions[0].b: should give a value of at least one axis",
        "22:12: precision: 'fp16' is not one of float32, tf32, bf16 (did you mean bf16?)",
    ]


def test_rules_between_parts_are_reported_beside_wrong_parts(tmp_path: Path) -> None:
    text = """\
name: a
space:
  num_blocks: {choice: [1, 3]}
  lr: -1
compare: {across: lr, within: lr, baseline: {num_blocks: 10, lr: 0.01}}
scheduler: {name: asha, grace_period: 50}
"""
    assert problems_of(tmp_path, text) == [
        "1:1: validation: should be above 0 (5000, say): scheduler.name asha selects by validation accuracy, "
        "never by test accuracy",
        "3:15: space.num_blocks: choice is drawn by a search: set search.algorithm to random or optuna (it is grid), "
        "or write a grid",
        "4:7: space.lr: should be above 0, not -1",
        "5:31: compare.within: should be another axis than compare.across (lr)",
        "5:58: compare.baseline.num_blocks: 10 is not a value that space.num_blocks has; possible: 1, 3",
        "6:39: scheduler.grace_period: 50 epochs are more than the 25 that a trial has (space.epochs)",
    ]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("space: {epochs: 0}", "2:17: space.epochs: should be 1 or more, not 0"),
        ("space: {epochs: 10.0}", "2:17: space.epochs: should be a whole number, not 10.0"),
        ("space: {epochs: true}", "2:17: space.epochs: should be a whole number, not true"),
        ("space: {num_blocks: -1}", "2:21: space.num_blocks: should be 0 or more, not -1"),
        ("space: {num_blocks: 99999999999}", "2:21: space.num_blocks: should be 10000 or less, not 99999999999"),
        ("space: {num_blocks: {grid: []}}", "2:28: space.num_blocks.grid: should not be empty"),
        ("space: {num_blocks: {choice: []}}", "2:30: space.num_blocks.choice: should not be empty"),
        ("space: {batch_norm: {grid: [true, True]}}", "2:28: space.batch_norm.grid: true stands in the list twice"),
        ("space: {batch_norm: 1}", "2:21: space.batch_norm: should be true or false, not 1"),
        ("space: {lr: 0}", "2:13: space.lr: should be above 0, not 0"),
        ("space: {lr: .nan}", "2:13: space.lr: should be a finite number, not .nan"),
        ("space: {lr: .inf}", "2:13: space.lr: should be a finite number, not .inf"),
        ("space: {lr: true}", "2:13: space.lr: should be a number, not true"),
        ("space: {lr: '1e-3'}", "2:13: space.lr: should be a number, not '1e-3': write it without quotes"),
        ("space: {lr: {grid: [0.1, -0.1]}}", "2:26: space.lr.grid[1]: should be above 0, not -0.1"),
        ("space: {lr: {choice: [-0.1]}}", "2:23: space.lr.choice[0]: should be above 0, not -0.1"),
        ("space: {lr: {uniform: [-1, 1]}}", "2:24: space.lr.uniform[0]: should be above 0, not -1"),
        ("space: {lr: {loguniform: [0, 1]}}", "2:27: space.lr.loguniform[0]: should be above 0, not 0"),
        ("space: {momentum: 1}", "2:19: space.momentum: should be below 1, not 1"),
        ("space: {momentum: {uniform: [-0.1, 0.9]}}", "2:30: space.momentum.uniform[0]: should be 0 or more, not -0.1"),
        ("space: {weight_decay: {loguniform: [0, 1]}}", "2:36: space.weight_decay.loguniform: should begin above 0, "
         "not at 0.0, which has no logarithm; uniform and choice can include it"),
        ("space: {batch_size: {grid: [0]}}", "2:29: space.batch_size.grid[0]: should be 1 or more, not 0"),
        ("space: {batch_size: {uniform: [1, 2]}}", "2:21: space.batch_size: uniform is not for this axis; possible: "
         "a value, {grid: [...]}, {choice: [...]}, {randint: [low, high]}"),
        ("space: {lr_schedule: cosin}", "2:22: space.lr_schedule: 'cosin' is not one of constant, cosine, one_cycle "
         "(did you mean cosine?)"),
        ("space: {lr: {uniform: [1]}}", "2:23: space.lr.uniform: should be two numbers: {uniform: [low, high]}"),
        ("space: {lr: {uniform: []}}", "2:23: space.lr.uniform: should be two numbers: {uniform: [low, high]}"),
        ("space: {epochs: {randint: [3, 3]}}", "2:27: space.epochs.randint: should be [low, high] with low below "
         "high, not [3, 3]"),
        ("space: {lr: {grdi: [1]}}", "2:13: space.lr: unknown form grdi (did you mean grid?); possible: a value, "
         "{grid: [...]}, {choice: [...]}, {uniform: [low, high]}, {loguniform: [low, high]}"),
        ("space: {block: {}}", "2:16: space.block: is empty; possible: a value, {grid: [...]}, {choice: [...]}"),
        ("space: {block: {grid: [conv], choice: [conv]}}", "2:16: space.block: should be one form, not 2 (grid, "
         "choice); possible: a value, {grid: [...]}, {choice: [...]}"),
        ("space: {lr: [0.1, 0.2]}", "2:13: space.lr: a list alone does not say what to do with it: write "
         "{grid: [...]}"),
        ("space: []", "2:8: space: should hold keys and values, not a list"),
        ("space:", "2:1: space: should hold keys and values, not nothing"),
        ("seeds: 3", "1:1: space: is required (or configurations, a list)"),
    ],
)  # fmt: skip
def test_wrong_space(tmp_path: Path, lines: str, expected: str) -> None:
    assert problems_of(tmp_path, f"name: a\n{lines}\n") == [expected]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("seeds: 0", "3:8: seeds: should be 1 or more, not 0"),
        (
            "seeds: true",
            "3:8: seeds: should be a count such as 5, a list of seeds such as [0, 1, 2], or {start: 5, most: 40}",
        ),
        ("seeds: [1, 1]", "3:8: seeds: 1 stands in the list twice"),
        ("seeds: [-1]", "3:9: seeds[0]: should be 0 or more, not -1"),
        ("seeds: [99999999999999999999]", "3:9: seeds[0]: should be 9223372036854775807 or less, not "
         "99999999999999999999"),
        ("validation: -1", "3:13: validation: should be 0 or more, not -1"),
        ("search: grid", "3:9: search: should hold keys and values, not 'grid'"),
        ("search: {samples: 3}", "3:1: search.algorithm: is required; possible: grid, random, optuna"),
        ("search: {algorithm: gird}", "3:21: search.algorithm: 'gird' is not one of grid, random, optuna (did you "
         "mean grid?)"),
        ("search: {algorithm: random}", "3:21: search.samples: is required"),
        ("search: {algorithm: random, samples: 0}", "3:38: search.samples: should be 1 or more, not 0"),
        ("search: {algorithm: random, samples: 1, sampler: tpe}", "3:41: search.sampler: is not a setting of random, "
         "only of optuna"),
        ("search: {algorithm: random, samples: 1}", "3:21: search.algorithm: random has nothing to draw: give an axis "
         "a choice, randint, uniform or loguniform, or use grid"),
        ("scheduler: {name: none, grace_period: 1}", "3:25: scheduler.grace_period: is not a setting of none, only of "
         "asha and median"),
        ("scheduler: {name: none, grace: 1}", "3:25: scheduler.grace: unknown key; possible: name"),
        ("resources: {cpus: 1, gpu: 1}", "3:22: resources.gpu: unknown key (did you mean gpus?)"),
        ("resources: {gpus: aut}", "3:19: resources.gpus: 'aut' is not one of auto (did you mean auto?)"),
        ("resources: {gpus: -1}", "3:19: resources.gpus: should be 0 or more, not -1"),
        ("resources: {gpus: 2}", "3:19: resources.gpus: should be 1 or less: a pack trains on one GPU, other packs "
         "use the others"),
        ("resources: {pack: 0}", "3:19: resources.pack: should be 1 or more, not 0"),
        ("resources: {pack: 1.5}", "3:19: resources.pack: should be a whole number, not 1.5"),
        ("resources: {pack: all}", "3:19: resources.pack: 'all' is not one of auto"),
        ("checkpoint: {every: 0}", "3:21: checkpoint.every: should be 1 or more, not 0"),
        ("checkpoint: {keep: 0}", "3:20: checkpoint.keep: should be 1 or more, not 0"),
        ("on_divergence: halt", "3:16: on_divergence: 'halt' is not one of continue, stop"),
        ("data: ''", "3:7: data: should not be empty"),
        ("question: 12", "3:11: question: should be text, not 12: put it in quotes"),
        ("compare: {thresholds: [100]}", "3:24: compare.thresholds[0]: should be below 100, not 100"),
        ("compare: {meaningful_difference: 0}", "3:34: compare.meaningful_difference: should be above 0, not 0"),
        ("compare: {baseline: {}}", "3:21: compare.baseline: should give a value of at least one axis"),
        ("compare: {baseline: {block: conv}}", "3:29: compare.baseline.block: conv is not a value that space.block "
         "has; possible: residual"),
        ("compare: {questions: [{name: q, a: {lr: 0.01}}]}", "3:23: compare.questions[0].b: is required"),
        ("compare: {questions: [{name: q, a: {lr: 0.01}, b: {lr: 0.01}}]}", "3:51: compare.questions[0].b: is the "
         "same condition as a"),
    ],
)  # fmt: skip
def test_wrong_settings(tmp_path: Path, lines: str, expected: str) -> None:
    assert problems_of(tmp_path, f"name: a\nspace: {{}}\n{lines}\n") == [expected]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("configurations: []", ["2:17: configurations: should not be empty"]),
        ("configurations:", ["2:1: configurations: should be a list, not nothing"]),
        ("configurations: {lr: 1}", ["2:17: configurations: should be a list, not a mapping"]),
        ("configurations: [{lr: 1}, 3]", ["2:27: configurations[1]: should hold keys and values, not 3"]),
        ("configurations: [{momentun: 0.9}]", ["2:19: configurations[0].momentun: unknown key (did you mean "
         "momentum?)"]),
        ("configurations: [{lr: {grid: [1, 2]}}]", ["2:23: configurations[0].lr: should be a number, not a mapping: "
         "give one value"]),
        ("configurations: [{lr: 1}, {}, {lr: 1.0}]", ["2:31: configurations[2]: is the same configuration as "
         "configurations[0] (line 2, column 18)"]),
        ("configurations: [{lr: 0.01}, {}]", ["2:30: configurations[1]: is the same configuration as "
         "configurations[0] (line 2, column 18)"]),
        ("space: {num_blocks: 0}\nconfigurations: [{}, {block: conv}]", ["3:22: configurations[1]: without blocks, "
         "block and batch_norm change nothing, so this is the same configuration as configurations[0] (line 3, column "
         "18)"]),
        ("space: {lr: {grid: [1, 2]}, epochs: {randint: [1, 9]}}\nconfigurations: [{}]", [
         "2:13: space.lr: should be one value beside configurations, not a grid: write the others into the list",
         "2:37: space.epochs: should be one value beside configurations, not a randint: write the others into the "
         "list"]),
        ("configurations: [{}]\nsearch: {algorithm: random, samples: 1}", ["3:21: search.algorithm: random draws "
         "from space, and configurations is a list: leave out one of them"]),
        ("configurations: [{}, {lr: 1}]\ncompare: {baseline: {lr: 2, epochs: 3}}", [
         "3:26: compare.baseline.lr: 2.0 is not a value that lr in configurations has; possible: 0.01, 1.0",
         "3:37: compare.baseline.epochs: 3 is not a value that space.epochs has; possible: 25"]),
        ("configurations: [{}, {lr: 1, epochs: 3}]\ncompare: {baseline: {lr: 1, epochs: 25}}", ["3:21: "
         "compare.baseline: no configuration has these values together"]),
        ("space: {num_blocks: {grid: [0, 1]}, block: {grid: [conv, residual]}}\ncompare: {baseline: {block: residual, "
         "num_blocks: 0}}", ["3:21: compare.baseline: no configuration has these values together: without blocks, "
         "block and batch_norm change nothing, and only the first of each is trained"]),
        ("space: {num_blocks: {choice: [1, 3]}}\ncompare: {baseline: {num_blocks: 3}}", ["2:21: space.num_blocks: "
         "choice is drawn by a search: set search.algorithm to random or optuna (it is grid), or write a grid"]),
        ("configurations: [{epochs: 3}]\nvalidation: 9\nscheduler: {name: asha, grace_period: 4}", [
         "4:39: scheduler.grace_period: 4 epochs are more than the 3 that a trial has (epochs in configurations)"]),
        ("seeds: 0\nconfigurations: [{lr: 1}, {lr: 1}]", ["2:8: seeds: should be 1 or more, not 0",
         "3:27: configurations[1]: is the same configuration as configurations[0] (line 3, column 18)"]),
        ("seeds: 0", ["1:1: space: is required (or configurations, a list)", "2:8: seeds: should be 1 or more, not 0"]),
    ],
)  # fmt: skip
def test_wrong_lists_of_configurations(tmp_path: Path, lines: str, expected: list[str]) -> None:
    assert problems_of(tmp_path, f"name: a\n{lines}\n") == expected


@pytest.mark.parametrize("key", ["tracker: [mlflow]", "priority: 3"])
def test_keys_of_later_versions_are_unknown(tmp_path: Path, key: str) -> None:
    (problem,) = problems_of(tmp_path, f"name: a\nspace: {{}}\n{key}\n")
    assert problem.startswith(f"3:1: {key.partition(':')[0]}: unknown key")


@pytest.mark.parametrize("name", ["my study", "../a", "-a", ".", "é", "''", "'a\\n'"])
def test_a_name_that_makes_no_good_folder(tmp_path: Path, name: str) -> None:
    (problem,) = problems_of(tmp_path, f"name: {name}\nspace: {{}}\n")
    assert problem.startswith("1:7: name: should be letters, digits, - and _")


def test_syntax_and_content_are_reported_together(tmp_path: Path) -> None:
    text = "name: a\nspace: {lr: 0, lr: 1}\nseeds: !!set {1}\nvalidation: -1\n"
    assert problems_of(tmp_path, text) == [
        "2:13: space.lr: should be above 0, not 0",
        "2:16: space.lr: the key stands twice; first at line 2, column 9",
        "3:8: seeds: !!set is not supported here",
        "4:13: validation: should be 0 or more, not -1",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", " is empty; it should hold at least name and space"),
        (b"# a comment\n---\n", " is empty; it should hold at least name and space"),
        (b"- 1\n", "1:1: a space file should hold keys and values, such as name: depth"),
        (b"\xff\xfea", " is not UTF-8 text (byte 0); save it as UTF-8"),
    ],
)
def test_a_file_that_is_no_space_file(tmp_path: Path, text: bytes, expected: str) -> None:
    (problem,) = problems_of(tmp_path, text)
    assert problem.endswith(expected)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "depth.yaml").touch()
    for path, expected in (
        (tmp_path / "dept.yaml", f"there is no such file (did you mean {tmp_path / 'depth.yaml'}?)"),
        (tmp_path / "nowhere" / "a.yaml", "there is no such file"),
        (tmp_path, f"is a folder; give a space file, such as {tmp_path / 'depth.yaml'}"),
        (tmp_path / "depth.yaml" / "a.yaml", "cannot be read (Not a directory)"),
        (tmp_path / ("a" * 300), "cannot be read (File name too long)"),
    ):
        with pytest.raises(SpaceError) as caught:
            load_study(path)
        assert caught.value.problems == [f"{path}: {expected}"]


def test_byte_order_mark_and_windows_line_endings_are_fine(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(b"\xef\xbb\xbfname: a\r\nspace:\r\n  lr: 1e-3\r\n")
    assert load_study(file).axis_values("lr") == (0.001,)
    assert problems_of(tmp_path, b"\xef\xbb\xbfname: a\r\nspace:\r\n  lr: 0\r\n") == [
        "3:7: space.lr: should be above 0, not 0"
    ]


def test_the_error_survives_a_process_boundary(tmp_path: Path) -> None:
    with pytest.raises(SpaceError) as caught:
        load_study(tmp_path / "a.yaml")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("confirm: {top: 1}", ["1:1: validation: should be above 0 (5000, say): confirm selects by validation "
         "accuracy, never by test accuracy", "3:10: confirm: needs compare.baseline, which the winners are compared "
         "with, such as {num_blocks: 10, batch_norm: false}"]),
        ("confirm: {tops: 1}", ["3:11: confirm.tops: unknown key (did you mean top?)"]),
        ("budget: {hours: 0}", ["3:17: budget.hours: should be above 0, not 0"]),
        ("seeds: [9999, 10000]\nvalidation: 9\nconfirm: {}\ncompare: {baseline: {lr: 7.5}}", [
         "3:8: seeds: should be below 10000: confirm uses the seeds from there on, so that they are fresh"]),
    ],
)  # fmt: skip
def test_wrong_confirmations_and_budgets(tmp_path: Path, lines: str, expected: list[str]) -> None:
    assert problems_of(tmp_path, f"name: a\nspace: {{}}\n{lines}\n") == expected


@pytest.mark.parametrize(
    ("space", "search", "expected"),
    [
        ("{lr: {uniform: [0.1, 1]}}", "sampler: cmaes", ["search.sampler: cmaes needs two drawn axes or more: use "
         "tpe or gp"]),
        ("{lr: {choice: [0.1, 1.0]}, momentum: {uniform: [0, 0.5]}}", "sampler: cmaes", ["search.sampler: cmaes "
         "draws numbers alone, and space.lr is a choice: use tpe or gp"]),
        ("{lr: {uniform: [0.1, 1]}}", "points: [{lr: 2}, {momentum: 0.5}, {lr: 0.5}]", [
         "search.points: are more than the 2 samples",
         "search.points[0].lr: 2.0 is not a value of space.lr; possible: numbers from 0.1 to 1.0",
         "search.points[1].momentum: space.momentum is fixed: a point names axes that are drawn"]),
        ("{lr: {uniform: [0.1, 1]}}", "points: [{lrs: 2}]", [
         "search.points[0].lrs: unknown key (did you mean lr?)"]),
        ("{lr: {uniform: [0.1, 1]}}", "points: [{}]", [
         "search.points[0]: should give a value of at least one axis"]),
        ("{lr: {uniform: [0.1, 1]}}", "max_concurrent: 0", [
         "search.max_concurrent: should be 1 or more, not 0"]),
    ],
)  # fmt: skip
def test_wrong_searches(tmp_path: Path, space: str, search: str, expected: list[str]) -> None:
    text = f"name: a\nspace: {space}\nvalidation: 9\nsearch: {{algorithm: optuna, samples: 2, {search}}}\n"
    assert [problem.partition(": ")[2] for problem in problems_of(tmp_path, text)] == expected
