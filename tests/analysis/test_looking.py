"""Seeds in stages: a session that asks for them by `next_seeds`, with runs that are drawn instead of trained."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from analysis.advice import advice, extended
from analysis.findings import find
from analysis.lines import asked
from analysis.looking import Look, next_seeds
from analysis.results import read
from analysis.statistics.looks import seeds_by_look
from analysis.words import duration
from study.contract.axes import Configuration

MEANS = (60.0, 60.1, 62.0, 66.0, 52.0)  # of 1, 2, ... blocks; the first is the baseline
SD = 1.0


class Session:
    """Trains configurations of 1, 2, ... blocks for one epoch, by drawing their accuracies."""

    def __init__(self, directory: Path, seeds: object, compare: object, means: tuple[float, ...] = MEANS) -> None:
        self.directory, self.means, self.rng = directory, means, np.random.default_rng(5)
        (directory / "records").mkdir(parents=True)
        self.packs = 0
        self.have = dict.fromkeys(range(len(means)), 0)
        study = {"name": "stages", "seeds": seeds, "compare": compare, "space": {"epochs": 1}}
        with (directory / "study.yaml").open("w") as file:
            YAML(typ="safe").dump(study, file)
        for number in self.have:
            settings = Configuration(num_blocks=number + 1, epochs=1).as_dict()
            self._plan({"event": "configuration", "trial_id": f"{number:04d}", "configuration": settings})
            header = {"format": 2, "trial_id": f"{number:04d}", "stage": "explore", "configuration": settings}
            self._record(number, header)

    def train(self, more: dict[str, int], diverges: int | None = None) -> None:
        for trial, count in more.items():
            number = int(trial)
            seeds = list(range(self.have[number], self.have[number] + count))
            self.have[number] += count
            self._plan({"event": "runs", "trial_id": trial, "seeds": seeds, "reason": "more seeds"})
            lost = number == diverges
            values = np.full(count, 10.0) if lost else self.rng.normal(self.means[number], SD, count)
            same = {
                "validation_accuracy": None,
                "train_loss": [None if lost else 1.0] * count,
                "seconds": [1.0] * count,
            }
            where = {"finished": "2026-11-27T00:00:00+00:00", "host": "h", "device": "cpu", "pid": 1, "pack": "p"}
            line = {"epoch": 1, "seeds": seeds, "iterations": 1, "test_accuracy": values.tolist(), **same, **where}
            self._record(number, {**line, "train_accuracy": values.tolist(), "diverged": [lost] * count})
        self._plan({"event": "pack", "pack": f"p{self.packs:04d}", "session": "s", "runs": []})
        self.packs += 1

    def look(self) -> Look:
        found = next_seeds(self.directory)
        assert found.line is not None
        self._plan(dict(found.line))
        return found

    def _plan(self, line: dict) -> None:
        with (self.directory / "plan.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")

    def _record(self, number: int, line: dict) -> None:
        with (self.directory / "records" / f"{number:04d}.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")


def begin(directory: Path, most: int = 20, **options: tuple[float, ...]) -> Session:
    return Session(directory, {"start": 4, "most": most}, {"baseline": {"num_blocks": 1}}, **options)


def start(session: Session, **options: int) -> None:
    session.train({f"{number:04d}": 4 for number in session.have}, **options)


def test_seeds_are_added_to_what_is_undecided_until_it_is_decided(tmp_path: Path) -> None:
    session, path = begin(tmp_path / "r"), seeds_by_look(4, 20)
    start(session)
    looks = [session.look()]
    while looks[-1].more:
        session.train(looks[-1].more)
        looks.append(session.look())
    assert 1 < len(looks) <= len(path)
    first = looks[0]
    assert (first.line or {})["of"] == len(path)
    assert "0003" not in first.more, "6 points are decided with 4 seeds"
    assert first.more["0002"] == path[1] - 4
    assert first.more["0000"] == math.ceil(2 * path[1]) - 4, "four comparisons need the baseline"
    found = find(read(session.directory))
    said = {pair.a: each.verdict for pair, each in found.verdicts}
    assert {number: said[number] for number in (3, 4)} == {3: "larger", 4: "larger"}
    assert found.looks == len(looks)
    assert found.promised_error == pytest.approx(0.05)
    assert looks[-1].decided + looks[-1].undecided == 4
    assert looks[-1].decided == sum(verdict in ("larger", "smaller") for verdict in said.values())
    (group,) = asked(found)
    assert group.heading == f"Against {found.label(0)}", "of which each verdict saw other runs"
    assert all(" against " in line.text for line in group.lines)
    assert "A verdict keeps the numbers of the look that reached it." in group.reading
    assert group.reading.endswith("A baseline of several comparisons gets up to twice as many seeds as the others.")


def test_before_the_first_look_is_taken_its_share_of_the_error_is_spent(tmp_path: Path) -> None:
    session = begin(tmp_path / "r")
    start(session)
    before = find(read(session.directory))
    session.look()
    after = find(read(session.directory))
    assert [each.level for each in before.judged] == pytest.approx([each.level for each in after.judged])
    assert max(each.level for each in before.judged) < 0.05 / 6
    assert "1 of at most 6 planned looks so far" in extended(before)
    assert advice(before) is None, "the study itself adds seeds"


def test_a_session_that_ended_between_look_and_seeds_goes_on(tmp_path: Path) -> None:
    session = begin(tmp_path / "r")
    start(session)
    look = session.look()
    again = next_seeds(session.directory)
    assert again.line is None
    assert (again.more, again.undecided) == (look.more, look.undecided)
    assert list(again.more) == list(look.more)


def test_what_is_decided_first_comes_first(tmp_path: Path) -> None:
    session = begin(tmp_path / "r", means=(60.0, 61.0, 61.9, 62.6))
    start(session)
    more = list(session.look().more)
    assert more.index("0003") < more.index("0001")


def test_a_larger_most_is_one_more_look_that_costs(tmp_path: Path) -> None:
    session = begin(tmp_path / "r", most=5, means=(60.0, 61.0))
    start(session)
    session.train(session.look().more)
    assert session.look().more == {}
    text = (session.directory / "study.yaml").read_text().replace("most: 5", "most: 9")
    (session.directory / "study.yaml").write_text(text)
    more = next_seeds(session.directory).more
    assert more == {"0000": 4, "0001": 4}
    session.train(more)
    session.look()
    found = find(read(session.directory))
    assert found.looks == 3
    assert found.promised_error > 0.05


def test_what_is_still_undecided_at_the_end_has_its_advice(tmp_path: Path) -> None:
    """Only undecided comparisons get seeds; their number is reckoned from theirs, not from the baseline's."""
    session = begin(tmp_path / "r", most=5, means=(60.0, 61.2, 61.3, 66.0))
    start(session)
    session.train(session.look().more)
    session.look()
    session_ = {"command": "p", "started": "2026-11-27T00:00:00+00:00", "ended": "2026-11-27T01:00:00+00:00"}
    (session.directory / "provenance.json").write_text(json.dumps({"sessions": [session_]}))
    found = find(read(session.directory))
    undecided = {pair.a for pair, each in found.verdicts if each.verdict == "undecided"}
    assert undecided == {1, 2}
    told = advice(found)
    assert told is not None
    most = int(re.findall(r"most: (\d+)", told.command)[0])
    assert told.text.startswith(
        f"With up to {most} seeds each, the 2 undecided comparisons would be decided at even odds"
    )
    text = (session.directory / "study.yaml").read_text().replace("most: 5", f"most: {most}")
    (session.directory / "study.yaml").write_text(text)
    more = next_seeds(session.directory).more
    assert {trial: most - session.have[int(trial)] for trial in ("0001", "0002")}.items() <= more.items()
    assert more.keys() == {"0000", "0001", "0002"}
    seconds = sum(more.values()) * 1.0  # a run takes a second
    assert f"(about {duration(seconds)} here)" in told.text


def test_what_was_given_up_is_said(tmp_path: Path) -> None:
    session = begin(tmp_path / "r", most=7, means=(60.0, 60.9, 66.0))
    start(session)
    look = session.look()
    while look.more:
        session.train(look.more)
        look = session.look()
    assert (look.line or {})["look"] < len(seeds_by_look(4, 7)), "else nothing was given up"
    assert look.given_up == 1
    before = find(read(session.directory))
    assert "given up" not in str(asked(before)), "a session may still be at it"
    assert advice(before) is None
    session_ = {"command": "p", "ended": "2026-11-27T01:00:00+00:00", "outcome": "completed"}
    (session.directory / "provenance.json").write_text(json.dumps({"sessions": [session_]}))
    found = find(read(session.directory))
    assert f"given up after {session.have[1]} seeds because 7 would hardly decide it" in str(asked(found))
    assert extended(found) == ""


def test_stages_of_a_study_that_was_complete_before_were_not_planned(tmp_path: Path) -> None:
    session = begin(tmp_path / "r")
    start(session)
    provenance = {"sessions": [{"outcome": "completed", "ended": "2026-11-27T00:00:00+00:00"}]}
    (session.directory / "provenance.json").write_text(json.dumps(provenance))
    look = session.look()
    assert look.line is not None
    assert (look.line["of"], find(read(session.directory)).promised_error) == (1, 0.05)
    session.train(look.more)
    session.look()
    assert find(read(session.directory)).promised_error == pytest.approx(0.075)


def test_a_condition_that_does_not_train_gets_no_more_seeds(tmp_path: Path) -> None:
    session = begin(tmp_path / "r", means=(60.0, 60.0, 61.2))
    start(session, diverges=1)
    look = session.look()
    assert "0001" not in look.more
    assert look.more.keys() == {"0000", "0002"}


def test_a_study_without_comparisons_or_stages_has_no_next_seeds(tmp_path: Path) -> None:
    nothing = Session(tmp_path / "a", {"start": 4, "most": 20}, {})
    start(nothing)
    assert nothing.look().more == {}
    fixed = Session(tmp_path / "b", 4, {"baseline": {"num_blocks": 1}})
    start(fixed)
    with pytest.raises(ValueError, match=r"no looks are planned"):
        next_seeds(fixed.directory)
