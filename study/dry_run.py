"""``--dry-run``: what a study would train, without starting anything."""

from collections.abc import Sequence

from rich.console import Console

from study.contract.files import trial_id
from study.exit_status import DONE
from study.phrasing import counted, describe, ranges, say
from study.plan.beginnings import families
from study.plan.planned import Planned, runs_of
from study.space import Study


def show(study: Study, planned: Sequence[Planned], console: Console) -> int:
    """Print every configuration and the totals; the exit status."""
    for number, each in enumerate(planned):
        say(console, f"{trial_id(number)}  {describe(each.configuration)}")
    runs = runs_of(planned)
    trained = [family.longest.run.configuration.epochs for family in families(runs)]
    say(
        console,
        f"{study.name}: {counted(len(planned), 'configuration')} with {counted(len(study.seed_list), 'seed')} "
        f"({ranges(study.seed_list)}): {counted(len(runs), 'run')}, {counted(sum(trained), 'model-epoch')}",
    )
    if len(trained) < len(runs):
        said = f"{counted(len(runs) - len(trained), 'run')} of these"
        say(console, f"{said}, the beginnings of longer ones, need no training")
    return DONE
