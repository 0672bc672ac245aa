"""How the plan of a study grows while it runs."""

from study.growth.confirmation import Confirmation
from study.growth.protocol import Growth, InTurn
from study.results.ledger import Ledger
from study.results.paths import ResultsDirectory
from study.space import Study
from study.stages import SeedsInStages
from study.terminal.phrasing import counted


def growth_of(study: Study, ledger: Ledger, results: ResultsDirectory) -> InTurn:
    """What a study asks for beyond the runs that are known before it starts: a search, the winners again."""
    growths: list[Growth] = []
    if study.search.algorithm == "optuna":
        # Optuna takes a second to import: only a search waits for it.
        from study.search.search import Search

        growths.append(Search(study, ledger))
    if study.confirm is not None:
        growths.append(Confirmation(study, ledger))
    if study.most_seeds is not None:
        growths.append(SeedsInStages(study, ledger, results))
    return InTurn(growths)


def selects_by_test(study: Study) -> str | None:
    """A word about a search that has nothing but the test images to tell its best configuration by; else None."""
    if study.search.algorithm != "random" or study.validation:
        return None
    return (
        "without validation images the best of a random search is told by its test accuracy, which is then too high: "
        "validation: 5000, say, holds some out"
    )


def expectation(study: Study) -> str:
    """What a study may still ask for, in words."""
    said = []
    if study.search.algorithm == "optuna":
        samples = counted(study.search.samples, "configuration")
        said.append(f"a search of {samples} with {counted(len(study.seed_list), 'seed')} each")
    if study.confirm is not None:
        best = "the best one" if study.confirm.top == 1 else f"the best {study.confirm.top}"
        said.append(f"then {best} again with {counted(study.confirm.seeds, 'fresh seed')} beside the baseline")
    if study.most_seeds is not None:
        said.append(f"more seeds where a comparison is undecided, up to {study.most_seeds}")
    return ", ".join(said)
