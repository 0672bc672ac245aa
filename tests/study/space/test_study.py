"""The study that a file describes: defaults, what is accepted, rules, and back to YAML."""

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from study.contract.axes import AXES, Configuration
from study.space import SpaceError, Study, configurations
from study.space.sections import Space
from tests.study.space.texts import STAGES, load

MANY = """\
name: many
question: "Is it: so? # yes"
data: ./digits
space:
  block: {choice: [conv, residual]}
  num_blocks: {randint: [0, 4]}
  batch_norm: {choice: [true]}
  lr: {loguniform: [1e-5, 1]}
  epochs: 7
seeds: [7, 3]
validation: 100
search: {algorithm: optuna, samples: 9, sampler: random, seed: 4}
scheduler: {name: median, grace_period: 2}
stop: {target: 99, plateau: {epochs: 3, by: 0.5}}
resources: {cpus: 0.5, gpus: 1, pack: 4}
compare:
  across: lr
  within: block
  baseline: {lr: 1, batch_norm: true}
  meaningful_difference: 2
  thresholds: []
  questions: [{name: q, a: {block: conv}, b: {block: residual, num_blocks: 3}}]
precision: bf16
on_divergence: stop
checkpoint: {every: 5}
"""


def test_a_small_file_is_enough_and_means_the_notebook(tmp_path: Path) -> None:
    study = load(tmp_path, "name: a\nspace: {}\n")
    assert configurations(study) == (Configuration("residual", 10, False, 0.01, 25),)
    assert study.seed_list == (0, 1, 2, 3, 4)
    assert (study.data, study.validation, study.precision, study.on_divergence) == (
        "auto",
        0,
        "float32",
        "continue",
    )
    assert (study.search.algorithm, study.scheduler.name) == ("grid", "none")
    assert (study.resources.cpus, study.resources.gpus, study.resources.pack) == (1, "auto", "auto")
    assert (study.checkpoint.every, study.checkpoint.keep) == (1, 2)
    assert study.compare.thresholds == (40, 50, 55, 60)
    assert (study.compare.across, study.compare.within, study.compare.baseline) == (None, None, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "continue"),
        ("search: {algorithm: random, samples: 2}", "continue"),
        ("search: {algorithm: optuna, samples: 2}", "stop"),
        ("search: {algorithm: random, samples: 2}\nscheduler: {name: median}", "stop"),
        ("search: {algorithm: random, samples: 2}\nscheduler: {name: pbt}", "continue"),
        ("search: {algorithm: random, samples: 2}\nscheduler: {name: median}\non_divergence: continue", "continue"),
    ],
)
def test_a_run_that_has_diverged_stops_where_the_rest_of_it_is_of_no_use(
    tmp_path: Path, text: str, expected: str
) -> None:
    lr = "lr: {grid: [0.1, 0.2]}" if not text else "lr: {loguniform: [0.1, 0.2]}"
    assert load(tmp_path, f"name: a\nspace: {{{lr}}}\nvalidation: 9\n{text}\n").on_divergence == expected


def test_a_default_that_depends_on_a_wrong_part_is_no_problem_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(SpaceError) as caught:
        load(tmp_path, "name: a\nspace: {}\nscheduler: {name: asha, grace_perod: 2}\nstop: {plateau: {epoch: 3}}\n")
    assert [problem.partition(": ")[2] for problem in caught.value.problems] == [
        "scheduler.grace_perod: unknown key (did you mean grace_period?)",
        "stop.plateau.epochs: is required",
        "stop.plateau.epoch: unknown key (did you mean epochs?)",
    ]


def test_the_space_has_the_axes_of_a_configuration() -> None:
    assert [*Space.model_fields] == [*AXES]
    assert Configuration(**Space().axes) == Configuration()


def test_an_integer_is_fine_where_a_float_is_expected(tmp_path: Path) -> None:
    study = load(tmp_path, "name: a\nspace: {lr: {grid: [1, 2.5]}}\nresources: {cpus: 2}\n")
    assert study.space.axes["lr"].values == (1.0, 2.5)
    assert all(isinstance(each.lr, float) for each in configurations(study))
    assert isinstance(study.resources.cpus, float)


LISTED = "name: a\nspace: {lr: 1}\nconfigurations: [{}, {lr: 1e-5}, {block: conv, momentum: 0.5}]\n"


@pytest.mark.parametrize("text", ["name: small\nspace: {lr: {grid: [0.001, 1e-2, 1e-7]}}\n", MANY, LISTED])
def test_yaml_reads_back_as_an_equal_study(tmp_path: Path, text: str) -> None:
    study = load(tmp_path, text)
    written = study.to_yaml()
    again = load(tmp_path, written)
    assert again == study
    assert again.to_yaml() == written


def test_yaml_has_every_default_written_out(tmp_path: Path) -> None:
    text = "name: a\nspace: {num_blocks: {grid: [1, 3]}}\nscheduler: {name: asha}\nvalidation: 10\n"
    assert (
        load(tmp_path, text).to_yaml()
        == """\
name: a
question: ''
data: auto
space:
  block: residual
  num_blocks: {grid: [1, 3]}
  batch_norm: false
  lr: 0.01
  epochs: 25
  momentum: 0.0
  weight_decay: 0.0
  batch_size: 128
  lr_schedule: constant
seeds: 5
validation: 10
search:
  algorithm: grid
scheduler:
  name: asha
  grace_period: 1
  reduction_factor: 4.0
  brackets: 1
stop:
  target: null
  plateau: null
resources:
  cpus: 1.0
  gpus: auto
  pack: auto
compare:
  across: null
  within: null
  baseline: null
  meaningful_difference: 1.0
  measure: final
  thresholds: [40.0, 50.0, 55.0, 60.0]
  questions: []
track: []
precision: float32
on_divergence: stop
checkpoint:
  every: 1
  keep: 2
"""
    )


def test_a_study_written_before_the_newer_keys_means_the_same(tmp_path: Path) -> None:
    newer = ("  momentum", "  weight_decay", "  batch_size", "  lr_schedule", "  pack")
    text = "name: a\nspace: {num_blocks: {grid: [1, 3]}, batch_norm: {grid: [true, false]}}\nseeds: [3, 4]\n"
    study = load(tmp_path, text)
    lines = study.to_yaml().splitlines(keepends=True)
    older = [line for line in lines if not line.startswith(newer)]
    assert len(older) == len(lines) - len(newer)
    assert load(tmp_path, "".join(older)) == study


def test_which_values_an_axis_has_in_the_whole_study(tmp_path: Path) -> None:
    drawn = load(tmp_path, MANY)
    assert drawn.axis_values("block") == ("conv", "residual")
    assert list(drawn.axis_values("num_blocks") or ()) == [0, 1, 2, 3]
    assert drawn.axis_values("lr") is None
    assert drawn.axis_values("epochs") == (7,)
    listed = load(tmp_path, LISTED)
    assert listed.axis_values("lr") == (1.0, 1e-5)
    assert listed.axis_values("block") == ("residual", "conv")
    assert listed.axis_values("num_blocks") == (10,)
    with pytest.raises(KeyError):
        listed.axis_values("depth")


def test_a_new_row_of_the_table_is_a_new_axis_everywhere(tmp_path: Path) -> None:
    code = """\
import dataclasses, sys
from pathlib import Path
from study.contract.axes import AXES
AXES["dropout"] = dataclasses.replace(AXES["momentum"], name="dropout", default=0.25, explanation="Dropout.")
from study.space import SpaceError, load_study
from study.space.schema import schema_text
file = Path(sys.argv[1])
file.write_text("name: a\\nspace: {dropout: {grid: [0, 0.5]}}\\ncompare: {across: dropout}")
print(load_study(file).axis_values("dropout"), "Dropout." in schema_text())
search = ["space.dropout={uniform: [0, 0.5]}", "search={algorithm: random, samples: 2}"]
print(load_study(file, [*search, "compare.baseline={dropout: 0}"]).axes["dropout"])
file.write_text("name: a\\nspace: {dropuot: 1}\\nconfigurations: [{dropout: 1}]")
try:
    load_study(file)
except SpaceError as error:
    print(error)
"""
    file = tmp_path / "a.yaml"
    command = [sys.executable, "-c", code, str(file)]
    ran = subprocess.run(command, check=True, cwd=Path(__file__).parents[3], capture_output=True, text=True)
    assert ran.stdout.splitlines() == [
        "(0.0, 0.5) True",
        "numbers from 0.0 to 0.5",
        f"{file}:2:9: space.dropuot: unknown key (did you mean dropout?)",
        f"{file}:3:28: configurations[0].dropout: should be below 1, not 1",
    ]


def test_a_study_does_not_change() -> None:
    study = Study(name="a", space=Space())
    with pytest.raises(ValidationError, match="frozen"):
        study.seeds = 3  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("name", ["a", "A-1_b", "_x", "'123'", "2026-11-24", "on", "'null'"])
def test_names_that_make_a_folder(tmp_path: Path, name: str) -> None:
    study = load(tmp_path, f"name: {name}\nspace: {{}}\n")
    assert study.name == name.strip("'")
    assert load(tmp_path, study.to_yaml()) == study


def test_seeds_in_stages_begin_with_the_first(tmp_path: Path) -> None:
    study = load(tmp_path, f"{STAGES}seeds: {{start: 3, most: 8}}\n")
    assert (study.seed_list, study.most_seeds) == ((0, 1, 2), 8)
    assert load_study_again(tmp_path, study) == study
    assert load(tmp_path, f"{STAGES}seeds: 3\n").most_seeds is None


def test_the_measure_is_the_last_epoch_or_a_mean_of_the_last_ones(tmp_path: Path) -> None:
    study = load(tmp_path, "name: a\nspace: {epochs: 5}\ncompare: {measure: {last: 3}}\n")
    assert study.compare.model_dump()["measure"] == {"last": 3}
    assert load_study_again(tmp_path, study) == study
    assert load(tmp_path, "name: a\nspace: {}\n").compare.measure == "final"


def load_study_again(tmp_path: Path, study: Study) -> Study:
    return load(tmp_path, study.to_yaml())
