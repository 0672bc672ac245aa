import json
import math
from pathlib import Path

import pandas as pd
import pytest

from analysis import lines
from analysis.advice import _at_once, advice, seconds_of
from analysis.answer import answer
from analysis.findings import Findings, find
from analysis.results import read
from analysis.words import BEYOND_NOTE
from study.contract.plan import JUDGED_BY
from tests.analysis.simulate import Simulation, depth, simulate


def of(tmp_path: Path, study: Simulation) -> Findings:
    return find(read(simulate(tmp_path, study)))


def ladder(tmp_path: Path, tops: tuple[float, ...], sd: float = 0.3, **changes: object) -> Findings:
    """A study of learning rates 1, 2, ... whose accuracies end near the given ones."""
    space = {"lr": {"grid": [n + 1.0 for n in range(len(tops))]}, "epochs": 60}
    study = {"space": space, "top": lambda c: tops[int(c["lr"]) - 1], "seed_sd": sd, "name": "ladder", **changes}
    return of(tmp_path, Simulation(**study))  # type: ignore[arg-type]


def test_a_single_configuration_gets_its_mean(findings: dict[str, Findings]) -> None:
    said = answer(findings["single"]).sentence
    assert "nothing to compare it with" in said
    assert "95 % interval of the mean [" in said


def test_the_mark_is_explained_for_a_lone_configuration(tmp_path: Path) -> None:
    said = answer(of(tmp_path, Simulation(seeds=(0, 1), seed_sd=30.0))).sentence
    assert "]*" in said
    assert said.endswith(BEYOND_NOTE)


def test_the_best_those_near_it_and_those_behind(tmp_path: Path) -> None:
    found = ladder(tmp_path, (60.0, 59.9, 55.0, 40.0))
    (standing,) = found.standings.values()
    assert {standing.best, *standing.near} == {0, 1}
    behind = dict(standing.behind)
    assert 2.0 < behind[2] < 5.5
    assert 15.0 < behind[3] < 20.0
    said = answer(found)
    assert said.sentence.endswith("1 other may be as good or better, 2 are not (95 % confidence).")
    assert any(line.startswith("With 95 % confidence not the best: lr 4, by at least 1") for line in said.lines)
    assert any(line.startswith("With 95 % confidence the best of those compared is ") for line in said.claims)


def test_many_configurations_without_a_baseline_are_ranked(tmp_path: Path) -> None:
    """A plain grid of 22 values has more pairs than are shown; what stands out is said all the same."""
    found = ladder(tmp_path, tuple(60.0 - n for n in range(22)))
    assert found.comparisons.empty
    said = answer(found)
    assert said.sentence.startswith("Lr 1 ")
    assert " are not (95 % confidence)" in said.sentence
    assert len(said.lines) == len([line for line in said.lines if len(line) < 400]) >= 2


def test_one_seed_says_nothing_of_chance(findings: dict[str, Findings]) -> None:
    assert "nothing says that it is more than chance" in answer(findings["one_seed"]).sentence
    assert answer(findings["one_seed"]).claims == ()


def test_conditions_that_do_not_train_are_named(tmp_path: Path) -> None:
    found = ladder(
        tmp_path, (60.0, 60.0, 60.0), compare={"baseline": {"lr": 1.0}}, diverges=lambda c, seed: c["lr"] > 2
    )
    said = answer(found)
    assert "Does not train: lr 3 (5 of 5 diverged)" in said.lines
    assert "lr 3 does not train: 5 of 5 diverged." in said.claims
    (standing,) = found.standings.values()
    assert 2 not in (standing.best, *standing.near)


def test_of_those_that_may_be_best_it_is_said_which_diverged_in_part(tmp_path: Path) -> None:
    found = ladder(tmp_path, (50.0, 50.0, 50.0), diverges=lambda c, seed: c["lr"] == 3 and seed > 1)
    assert any("lr 3 (3 of 5 diverged)" in line for line in answer(found).lines)


def test_a_declared_question_is_answered_first(findings: dict[str, Findings]) -> None:
    said = answer(findings["corners"])
    first = findings["corners"].comparisons.iloc[0]
    assert first["verdict"] == "larger"
    assert said.sentence.startswith("Residual, no batch norm is worse than conv, batch norm by more than 1 point (−")
    assert said.claims[0].startswith(said.sentence.split(".")[0])


def test_a_search_is_ranked_by_validation_accuracy(findings: dict[str, Findings]) -> None:
    found = findings["search"]
    means = found.runs.groupby("condition")["validation_accuracy"].mean()
    (standing,) = found.standings.values()
    assert standing.best == means.idxmax()
    assert "is the best by validation accuracy of the 10 that were trained to their end" in answer(found).sentence


def test_what_cannot_be_claimed_is_said(findings: dict[str, Findings]) -> None:
    said = answer(findings["depth"]).no_claims
    (standing,) = findings["depth"].standings.values()
    assert f"Which is the best: {1 + len(standing.near)} may be." in said
    assert any(line.startswith("Any difference of an exploratory pair") for line in said)
    assert any(
        "0 of 50 runs diverged, but 5 runs of one configuration cannot exclude a share of 45 %" in line for line in said
    )


def test_the_advice_names_seeds_cost_and_command(findings: dict[str, Findings]) -> None:
    found = findings["learning_rate"]
    told = advice(found)
    assert told is not None
    rows = found.comparisons[(found.comparisons["verdict"] == "undecided") & (found.comparisons["more"] <= 200)]
    seeds = 5 + int(rows["more"].max())
    assert told.command == f"python -m study.run --space search_spaces/depth.yaml --extend --set seeds={seeds}"
    assert "at most 7.5 % of studies make a false claim, no longer 5 %" in told.text
    assert advice(findings["epochs"]) is None, "everything is decided there"


def test_no_more_seeds_are_advised_before_the_study_has_ended(findings: dict[str, Findings]) -> None:
    assert (findings["killed"].comparisons["verdict"] == "undecided").any()
    assert advice(findings["killed"]) is None


def test_an_unfinished_study_says_so_first_and_how_to_finish_it(tmp_path: Path) -> None:
    directory = simulate(tmp_path, depth(seeds=(0, 1), stopped={8: 12, 9: 0}))
    table = pd.read_parquet(directory / "trials.parquet")
    table["state"] = table["state"].replace("stopped", "interrupted")
    table.to_parquet(directory / "trials.parquet")
    found = find(read(directory))
    assert answer(found).sentence.startswith("Not finished: 16 of 20 runs have ended. ")
    told = advice(found)
    assert told is not None
    assert told.command == "python -m study.run --space search_spaces/depth.yaml --resume"


def test_of_one_seed_it_is_advised_how_to_tell_from_chance(findings: dict[str, Findings]) -> None:
    told = advice(findings["one_seed"])
    assert told is not None
    assert told.text.startswith("4 more seeds of every configuration")
    assert told.command.endswith("--extend --set 'seeds=[4, 0, 1, 2, 3]'")


def test_each_number_of_epochs_is_ranked_by_itself(tmp_path: Path) -> None:
    """Longer training is another budget, and nearly always better: nobody asked which of the two is best."""
    space = {"lr": {"grid": [1.0, 2.0]}, "epochs": {"grid": [20, 60]}}
    found = of(tmp_path, Simulation(space=space, top=lambda c: 60.0 if c["lr"] == 1 else 40.0, seed_sd=0.3))
    assert list(found.standings) == [20, 60]
    for epochs, standing in found.standings.items():
        assert {found.point(number)["epochs"] for number in (standing.best, *dict(standing.behind))} == {epochs}
    said = answer(found)
    assert said.sentence == "After 60 epochs lr 1 is the best of the 2 that train."
    assert said.lines[0].startswith("After 20 epochs highest: lr 1 (")
    assert "; with 95 % confidence not the best: lr 2, by at least " in said.lines[0]
    assert said.claims == (
        "With 95 % confidence the best of those compared after 20 epochs is lr 1.",
        "With 95 % confidence the best of those compared after 60 epochs is lr 1.",
    )


def test_budgets_alone_are_not_ranked(findings: dict[str, Findings]) -> None:
    assert findings["epochs"].standings == {}
    assert "highest" not in answer(findings["epochs"]).sentence


def test_of_one_difference_there_is_one_number_to_quote(tmp_path: Path) -> None:
    """Where a verdict has an interval of it, the ranking names no distance beside."""
    found = ladder(tmp_path, (60.0, 50.0, 40.0), compare={"baseline": {"lr": 1.0}})
    assert "With 95 % confidence not the best: lr 3 and lr 2" in answer(found).lines
    baseline = ladder(
        tmp_path / "three", (60.0, 50.0, 40.0, 30.0), compare={"questions": [{"a": {"lr": 1.0}, "b": {"lr": 3.0}}]}
    )
    behind = next(line for line in answer(baseline).lines if line.startswith("With 95 % confidence not the best: "))
    assert behind.endswith("points; and, with the distance in the verdicts below, lr 3")
    two = ladder(tmp_path / "two", (60.0, 50.0), compare={"baseline": {"lr": 2.0}})
    assert answer(two).lines == ()
    assert len(answer(two).claims) == 2


def test_what_is_ahead_but_not_surely_by_more_than_the_margin_is_said(tmp_path: Path) -> None:
    found = ladder(tmp_path, (52.0, 50.0), 0.4, compare={"baseline": {"lr": 2.0}, "meaningful_difference": 2.0})
    assert answer(found).sentence.startswith("Lr 1 is ahead of lr 2 (")


def test_two_configurations_are_compared_in_one_sentence(tmp_path: Path) -> None:
    found = ladder(tmp_path, (60.0, 50.0), compare={"baseline": {"lr": 2.0}})
    assert answer(found).sentence.count(". ") == 0


def test_the_cost_is_that_of_the_measured_runs(findings: dict[str, Findings]) -> None:
    found = findings["depth"]
    assert _at_once(found.results.log) == 2, "two devices"
    runs = found.runs.groupby("condition")["seconds"].mean().sum()
    takes = seconds_of(found, 3)
    assert takes is not None
    assert takes == pytest.approx(3 * runs / 2)
    assert not math.isnan(takes)


def test_no_error_rate_is_promised_of_a_question_that_was_changed_after_results(tmp_path: Path) -> None:
    directory = simulate(tmp_path, depth(compare={**depth().compare, "measure": "final"}))
    declared = find(read(directory))
    assert "In at most 5 % of studies" in lines.reading(declared)
    before = {key: declared.results.study["compare"][key] for key in JUDGED_BY} | {"meaningful_difference": 2.0}
    line = {"event": "question", "time": "t", "begun": 50, "before": before}
    with (directory / "plan.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
    changed = find(read(directory))
    assert "%" not in lines.reading(changed)
    for text in (lines.reading(changed), " ".join(answer(changed).claims)):
        assert "No error rate holds: the question was changed after results were there" in text
