"""What is asked for against the study that a results directory holds."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from study.continuing import check_plan
from study.dry_run import show
from study.plan.planned import Planned, planned_by
from study.preflight import blockers
from study.request import InputError, Mode, Request
from study.results.files import write_json
from study.results.ledger import Ledger
from study.results.opening import open_ledger
from study.results.paths import ResultsDirectory
from study.space import load_study
from tests.study.commands import SMALL, write_space
from tests.study.lines import line

WITH_BASELINE = SMALL.replace("compare: {", "compare: {baseline: {num_blocks: 0}, ")
STAGED = "seeds={start: 2, most: 6}"
OTHER_FOLDER = "or choose another folder with --results DIR"


def asked(folder: Path, *settings: str, mode: Mode = "extend") -> Request:
    study = load_study(write_space(folder, WITH_BASELINE), settings)
    return Request(study, planned_by(study), folder / "held", folder, mode, None, report=False, command="")


def held(folder: Path, *settings: str, more: tuple[int, ...] = ()) -> Ledger:
    """A study that was begun with these settings; its first configuration has got further seeds."""
    request, results = asked(folder, *settings), ResultsDirectory(folder / "held")
    results.records.mkdir(parents=True)
    results.study.write_text(request.study.to_yaml())
    ledger, _ = open_ledger(results, stop_when_diverged=False)
    ledger.ask_for(request.planned)
    if more:
        ledger.ask_for([Planned(request.planned[0].configuration, more)])
    return ledger


def refused(request: Request, ledger: Ledger) -> str:
    with pytest.raises(InputError) as caught:
        check_plan(request, ResultsDirectory(request.results), ledger.planned)
    return str(caught.value)


@pytest.mark.parametrize(
    ("there", "here", "words"),
    [
        (STAGED, "seeds=2", ("{start: 2, most: 6}", "2")),
        ("seeds=4", "seeds=2", ("4", "2")),
        ("seeds=[0, 9]", "seeds=3", ("[0, 9]", "3")),
    ],
)
def test_where_the_seeds_are_others_that_is_said_and_not_their_runs(tmp_path, there, here, words):
    ledger = held(tmp_path, there, more=(2, 3))
    request = asked(tmp_path, here)
    theirs, ours = words
    assert refused(request, ledger) == (
        f"{request.results} was run with seeds {theirs}, and these settings say {ours}: give "
        f'--set "seeds={theirs}", {OTHER_FOLDER}'
    )


def test_configurations_that_are_not_asked_for_are_named_by_their_values(tmp_path):
    recipe = ["compare.baseline={num_blocks: 3}", "space.num_blocks={grid: [3, 10]}", "space.lr=0.1", "space.epochs=25"]
    ledger = held(tmp_path, *recipe)
    request = asked(tmp_path, *recipe, "space.num_blocks={grid: [3]}", "seeds=3")
    assert refused(request, ledger) == (
        f"{request.results} holds runs that these settings do not ask for: 10 residual blocks, no batch norm, lr 0.1, "
        f"25 epochs with seeds 0-1; an extension asks for these too, so add them, {OTHER_FOLDER}"
    )


@pytest.mark.parametrize(
    ("described", "data", "words"),
    [
        ({"name": "CIFAR-10", "train": 49_000, "validation": 1_000, "test": 10_000}, "digits", ("CIFAR-10", "cifar10")),
        ({"name": "digits", "train": 1_437, "validation": 0, "test": 360}, "auto", ("digits", "digits")),
        (
            {"name": "digits", "train": 8, "validation": 0, "test": 2},
            "digits",
            ("the images of a folder (digits)", "FOLDER"),
        ),
    ],
)
def test_data_of_another_kind_are_refused_before_they_are_loaded(tmp_path, described, data, words):
    ledger = held(tmp_path)
    write_json(tmp_path / "held" / "provenance.json", {"data": described})
    request = asked(tmp_path, f"data={data}", mode="resume")
    assert f"held was begun on {words[0]}, and" in refused(request, ledger)
    assert f"give --data {words[1]}, {OTHER_FOLDER}" in refused(request, ledger)


@pytest.mark.parametrize(
    ("described", "data"),
    [
        ({"name": "CIFAR-10", "train": 50_000, "validation": 0, "test": 10_000}, "auto"),
        ({"name": "CIFAR-10", "train": 50_000, "validation": 0, "test": 10_000}, "cifar10"),
        ({"name": "digits", "train": 1_437, "validation": 0, "test": 360}, "digits"),
        ({"name": "digits", "train": 8, "validation": 0, "test": 2}, "./digits"),
        ({"name": "cats", "train": 8, "validation": 0, "test": 2}, "moved"),
    ],
)
def test_data_of_the_same_kind_are_not(tmp_path, described, data):
    ledger = held(tmp_path)
    write_json(tmp_path / "held" / "provenance.json", {"data": described})
    check_plan(asked(tmp_path, f"data={data}"), ResultsDirectory(tmp_path / "held"), ledger.planned)


def test_a_dry_run_names_what_the_plan_adds_unasked(tmp_path):
    held(tmp_path)
    stops = list(blockers(asked(tmp_path, "seeds=3", mode="resume")))
    assert len(stops) == 1
    assert stops[0].endswith("epochs with seed 2; to add them to the study, give --extend instead of --resume")


def test_a_dry_run_says_that_seeds_in_stages_are_not_counted(tmp_path):
    ledger = held(tmp_path, STAGED)
    for name in ledger.by_name:
        ledger.record({name: [line(epoch, (0, 1)) for epoch in (1, 2, 3)]})
    out = io.StringIO()
    show(asked(tmp_path, STAGED), Console(file=out), ledger)
    assert out.getvalue().splitlines() == [
        "small: 4 of 4 runs there have ended; left: 0 runs, 0 model-epochs",
        "small: more seeds where a comparison is undecided, up to 6; how many of these is not known yet, so none are "
        "counted here",
    ]
