from study.plan.beginnings import families
from tests.study.lines import run_of


def test_a_shorter_run_belongs_to_the_longest_with_its_seed():
    runs = [run_of(n, seed, epochs=epochs) for n, epochs in enumerate([25, 51, 102]) for seed in (0, 1)]
    found = families(runs)
    assert [family.longest.run.configuration.epochs for family in found] == [102, 102]
    assert [[run.trial_id for run in family.runs] for family in found] == [["0002", "0001", "0000"]] * 2


def test_with_a_schedule_every_number_of_epochs_is_a_run_of_its_own():
    runs = [run_of(n, 0, epochs=epochs, lr_schedule="cosine") for n, epochs in enumerate([25, 51])]
    assert [len(family.runs) for family in families(runs)] == [1, 1]


def test_another_learning_rate_or_stage_is_another_family():
    import dataclasses

    short, long = run_of(0, epochs=25), run_of(1, epochs=51)
    others = [run_of(2, epochs=51, lr=0.5), dataclasses.replace(long, stage="confirm"), run_of(1, 7, epochs=51)]
    for other in others:
        assert len(families([short, other])) == 2
    assert len(families([short, long])) == 1
