from study.forecast.typical import model_epochs, typical
from study.space import load_study
from tests.study.commands import ROOT

SEARCH = ["scheduler={name: none}", "search={algorithm: optuna, samples: 7}", "seeds=2", "space.epochs=3"]

AGAIN = [
    "confirm={top: 2, seeds: 5}",
    "compare.baseline={num_blocks: 10, batch_norm: false, block: residual, lr: 0.01}",
]


def test_a_grid_comes_to_what_it_asks_for():
    study = load_study(ROOT / "search_spaces" / "epochs.yaml")
    planned = typical(study)
    assert len(planned) == len({each.configuration for each in planned})
    longest = max(each.configuration.epochs for each in planned)
    shapes = {each.configuration.shape for each in planned}
    # The shorter runs are the beginnings of the longest.
    assert model_epochs(planned) == longest * len(study.seed_list) * len(shapes)


def test_a_search_comes_to_its_samples_and_their_confirmation():
    study = load_study(ROOT / "search_spaces" / "joint.yaml", [*SEARCH, *AGAIN])
    assert model_epochs(typical(study)) == 7 * 2 * 3 + (2 + 1) * 5 * 3
