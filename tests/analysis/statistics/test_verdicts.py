"""The verdicts of a study, by the path that a report takes: a table of runs in, verdicts out.

Their calibration is in test_verdict_calibration.py, of thousands of studies as arrays; here the same studies, one by
one as tables, get the same verdicts.
"""

import numpy as np
import pandas as pd
import pytest

from analysis.statistics.families import Pair
from analysis.statistics.judging import LARGER, SMALLER
from analysis.statistics.looks import planned_runs, seeds_by_look
from analysis.statistics.sights import sights
from analysis.statistics.verdicts import Judged, Plan, judged, looks_taken, with_verdicts
from benchmarks.verdict_cases import CASES, DIVERGED, DIVERGED_RUN, MARGIN, deviations, staged_study, statistics
from benchmarks.verdict_methods import METHODS

WORD = {LARGER: "larger", SMALLER: "smaller", 0: "undecided"}


def table(groups: list[list[float]], diverged: list[list[bool]] | None = None) -> pd.DataFrame:
    """A row a run: condition, seed, test_accuracy, diverged."""
    rows = [
        {
            "condition": number,
            "seed": seed,
            "test_accuracy": value,
            "diverged": bool(diverged and diverged[number][seed]),
        }
        for number, values in enumerate(groups)
        for seed, value in enumerate(values)
    ]
    return pd.DataFrame(rows)


def against_0(conditions: int) -> list[Pair]:
    return [Pair("baseline", "", number, 0) for number in range(1, conditions)]


@pytest.mark.parametrize("case", CASES)
def test_a_study_gets_the_verdicts_that_were_calibrated(case: str) -> None:
    """What a diverged run is lower by is known to the arrays, and read off the runs here: nearly the same."""
    true, studies = np.array([0.0, 1.5, 4.0, -9.0, 50.0]), 25
    x = deviations(case, np.random.default_rng(1), studies, 6, 5)
    expected, _ = METHODS["chosen"](statistics(x, [5] * 6), true, MARGIN)
    values = x + 60 + np.r_[0, true][None, :, None]
    agreed = []
    for study, lost in zip(values, x == DIVERGED_RUN, strict=True):
        seen = sights(table(study.tolist(), lost.tolist()), "test_accuracy", 6, [])
        agreed.append([each.verdict for each in judged(seen, against_0(6), MARGIN)])
    same = np.array(agreed) == np.vectorize(WORD.get)(expected)
    if case == "bimodal":
        some = (x == DIVERGED_RUN).any(axis=(1, 2))
        assert some.any()
        same = same[~some]
    assert same.all()


def test_seeds_in_stages_give_the_verdicts_that_were_calibrated() -> None:
    """None given up, so that the looks are fixed: each is judged again from the runs that it saw."""
    path, true, studies = seeds_by_look(5, 20), np.array([0.0, 1.5, 3.0, 6.0]), 12
    assert len(path) == 6
    base = planned_runs(path, 4)
    x = deviations("equal", np.random.default_rng(2), studies, 5, base[-1])
    expected = staged_study(x, true, path, hopeless=0)
    found = []
    for study in x + 60 + np.r_[0, true][None, :, None]:
        runs, going, looks = table(study.tolist()), set(range(1, 5)), []
        verdicts: list[Judged] = []
        for look in range(len(path)):
            before = looks[-1] if looks else {}
            grown = {0: base[look]} if going else {}
            now = {**before, **grown, **dict.fromkeys(going, path[look])}
            looks.append(now)
            asked = [{c: frozenset(range(n)) for c, n in each.items()} for each in looks]
            verdicts = judged(sights(runs, "test_accuracy", 5, asked), against_0(5), MARGIN, Plan(len(path), path))
            going = {number for number, each in enumerate(verdicts, start=1) if each.verdict == "undecided"}
        found.append([each.verdict for each in verdicts])
    np.testing.assert_array_equal(np.array(found), np.vectorize(WORD.get)(expected.verdict))
    assert {"larger", "smaller", "undecided"} >= set(np.array(found).ravel()) >= {"larger"}


def test_a_verdict_stands_when_seeds_are_added() -> None:
    """The first five runs decide; the next five would not."""
    rng = np.random.default_rng(3)
    first = [rng.normal(60, 0.3, 5), rng.normal(65, 0.3, 5), rng.normal(60, 0.3, 5)]
    runs = table([[*values, *rng.normal(62, 6.0, 5)] for values in first])
    asked = [{number: frozenset(range(n)) for number in range(3)} for n in (5, 10)]
    seen = sights(runs, "test_accuracy", 3, asked)
    found = judged(seen, against_0(3), MARGIN)
    assert (found[0].verdict, found[0].look) == ("larger", 0)
    shown = with_verdicts(seen, against_0(3), found, MARGIN).iloc[0]
    assert (shown["n_a"], shown["look"]) == (5, 1)
    assert shown["difference"] == pytest.approx(first[1].mean() - first[0].mean())
    assert shown["joint_interval"][0] > MARGIN
    assert looks_taken(seen, against_0(3), Plan()) == 2
    alone = judged(sights(runs, "test_accuracy", 3, []), against_0(3), MARGIN)
    assert alone[0].verdict == "undecided"


def test_an_unplanned_look_is_judged_at_what_is_added_to_the_error() -> None:
    rng = np.random.default_rng(4)
    runs = table(rng.normal([[60.0], [61.2]], 1.0, (2, 10)).tolist())
    asked = [{0: frozenset(range(n)), 1: frozenset(range(n))} for n in (5, 10)]
    (found,) = judged(sights(runs, "test_accuracy", 2, asked), against_0(2), MARGIN)
    assert found.look == 1
    assert 0.025 < found.level < 0.05


def test_conditions_that_an_extension_adds_are_a_family_of_their_own() -> None:
    rng = np.random.default_rng(5)
    runs = table(rng.normal([[60.0], [60.5], [66.0]], 1.0, (3, 5)).tolist())
    asked = [{n: frozenset(range(5)) for n in (0, 1)}, {n: frozenset(range(5)) for n in (0, 1, 2)}]
    seen = sights(runs, "test_accuracy", 3, asked)
    first, added = judged(seen, against_0(3), MARGIN)
    assert (first.look, added.look) == (0, 1)
    assert first.level == added.level == 0.05
    assert looks_taken(seen, against_0(3), Plan()) == 1


def test_a_condition_whose_runs_all_diverge_has_a_verdict_of_its_own_and_costs_the_others_nothing() -> None:
    rng = np.random.default_rng(6)
    good = rng.normal([[60.0], [61.0]], 1.0, (2, 3)).tolist()
    lost = [[False] * 3, [False] * 3, [True] * 3]
    seen = sights(table([*good, [10.0] * 3], lost), "test_accuracy", 3, [])
    one, fails = judged(seen, against_0(3), MARGIN)
    (alone,) = judged(sights(table(good), "test_accuracy", 2, []), against_0(2), MARGIN)
    assert fails.verdict == "does not train"
    assert (one.low, one.high, one.level) == pytest.approx((alone.low, alone.high, alone.level))


def test_runs_that_have_not_finished_are_no_data() -> None:
    runs = table([[60.0, 61.0], [np.nan, np.nan]])
    (found,) = judged(sights(runs, "test_accuracy", 2, []), against_0(2), MARGIN)
    assert found.verdict == "no data"


def test_parts_of_the_same_runs_are_judged_by_their_differences() -> None:
    rng = np.random.default_rng(7)
    short = rng.normal(55, 3.0, 5)
    runs = table([short.tolist(), (short + rng.normal(2, 0.2, 5)).tolist()])
    seen = sights(runs, "test_accuracy", 2, [])
    assert judged(seen, [Pair("baseline", "", 1, 0, paired=True)], MARGIN)[0].verdict == "larger"
    assert judged(seen, against_0(2), MARGIN)[0].verdict == "undecided"


def test_what_is_undecided_says_how_many_more_seeds_would_decide() -> None:
    rng = np.random.default_rng(8)
    runs = table(rng.normal([[60.0], [62.0]], 1.5, (2, 4)).tolist())
    (found,) = judged(sights(runs, "test_accuracy", 2, []), against_0(2), MARGIN)
    assert found.verdict == "undecided"
    assert found.more is not None
    assert 1 <= found.more.low <= found.more.middle <= found.more.high


def test_exploratory_pairs_are_shown_and_not_judged() -> None:
    rng = np.random.default_rng(9)
    runs = table(rng.normal([[60.0], [80.0], [90.0]], 0.5, (3, 4)).tolist())
    chosen = [Pair("baseline", "", 1, 0), Pair("exploratory", "effect of lr", 2, 1)]
    seen = sights(runs, "test_accuracy", 3, [])
    shown = with_verdicts(seen, chosen, judged(seen, chosen[:1], MARGIN), MARGIN)
    assert shown["verdict"].tolist() == ["larger", "not judged"]
    assert shown.loc[1, "difference"] == pytest.approx(10, abs=2)


def test_how_low_a_diverged_run_lies_is_read_off_the_runs() -> None:
    seen = sights(table([[55.0, 57.0], [10.0, 58.0]], [[False] * 2, [True, False]]), "test_accuracy", 2, [])
    assert seen[0].drop == pytest.approx(-DIVERGED, abs=4)
