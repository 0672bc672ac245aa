from dataclasses import replace
from pathlib import Path

from study.contract.axes import Configuration
from study.forecast.remaining import foreseen, left_of
from study.plan.packs import Pack
from study.plan.planned import Planned
from study.results.ledger import Ledger
from study.results.opening import open_ledger
from study.results.paths import ResultsDirectory
from study.space import load_study
from tests.study.lines import line

SHORT = Configuration(num_blocks=3, epochs=3)
GRID = [Planned(SHORT, (0, 1))]


def opened(folder: Path, *planned: Planned) -> Ledger:
    results = ResultsDirectory(folder)
    results.records.mkdir(exist_ok=True)
    ledger, _ = open_ledger(results, stop_when_diverged=False)
    ledger.ask_for(planned)
    return ledger


def said(ledger: Ledger, wanted: list[Planned]) -> list[tuple[str, int, int]]:
    return [(each.run.trial_id, each.run.run.seed, each.epochs) for each in left_of(ledger, wanted)]


def test_what_was_trained_is_not_left(tmp_path):
    ledger = opened(tmp_path, *GRID)
    ledger.record({"0000": [line(1, (0, 1)), line(2, (0,)), line(3, (0,))]})
    assert said(ledger, GRID) == [("0000", 1, 2)]


def test_an_extension_adds_what_it_asks_for_and_changes_nothing(tmp_path):
    ledger = opened(tmp_path, *GRID)
    ledger.record({"0000": [line(epoch, (0, 1)) for epoch in (1, 2, 3)]})
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    longer = Planned(replace(SHORT, epochs=5), (0, 1, 2))
    assert said(ledger, [longer]) == [("new 1", 0, 2), ("new 1", 1, 2), ("new 1", 2, 5)]
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before


def test_a_failed_run_is_left_and_a_stopped_one_is_not(tmp_path):
    ledger = opened(tmp_path, *GRID)
    runs = ledger.remaining()
    pack = Pack("p0000", tuple(runs[:1]))
    ledger.start(pack, None)
    ledger.record({"0000": [line(1, (0,))]})
    ledger.end(pack, error="out of memory")
    ledger.stop([runs[1].key], "target")
    assert said(ledger, GRID) == [("0000", 0, 2)]


def test_of_a_search_the_draws_that_were_made_are_not_foreseen_again(tmp_path):
    (tmp_path / "space.yaml").write_text(
        "name: s\nspace: {num_blocks: 1, lr: {loguniform: [0.01, 0.1]}, epochs: 3}\nseeds: 2\nvalidation: 100\n"
        "search: {algorithm: optuna, samples: 3}\nconfirm: {top: 1, seeds: 4}\n"
        "compare: {baseline: {lr: 0.01}}\n"
    )
    study = load_study(tmp_path / "space.yaml")
    drawn = Planned(Configuration(num_blocks=1, lr=0.05, epochs=3), (0, 1))
    assert [each.stage for each in foreseen(study, [drawn])] == ["explore", "explore", "confirm", "confirm"]
    confirmed = replace(drawn, stage="confirm", seeds=(10000, 10001), reason="confirm")
    baseline = replace(confirmed, configuration=replace(SHORT, num_blocks=1, lr=0.01), reason="baseline")
    ledger = opened(tmp_path, drawn, confirmed, baseline)
    three = tuple(ledger.by_name)
    for name, each in zip(three, ledger.by_name.values(), strict=True):
        ledger.record({name: [line(epoch, each.seeds) for epoch in (1, 2, 3)]})
    left = said(ledger, foreseen(study, ledger.planned))
    # Two draws more, and as many seeds as an extension asks for, of those that were confirmed.
    assert [(name, seed) for name, seed, _ in left if name in three] == [
        (name, seed) for name in three[1:] for seed in (10002, 10003)
    ]
    assert len(left) == 2 * 2 + 2 * 2
