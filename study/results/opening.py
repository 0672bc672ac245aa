"""Opens the ledger of a results directory, of this format or the first one."""

from study.contract.files import trial_id
from study.contract.records import Record
from study.plan.planned import Planned, planned_by
from study.results.history import read_history
from study.results.ledger import Ledger
from study.results.paths import ResultsDirectory
from study.results.plan_file import PlanFile, read_plan
from study.space import load_study
from study.space.sections import Stop

_NO_RULES = Stop()


class DamagedError(ValueError):
    """The directory contradicts itself; the message says where."""


def open_ledger(
    results: ResultsDirectory, *, stop_when_diverged: bool, stop: Stop = _NO_RULES
) -> tuple[Ledger, list[str]]:
    """Read where a study stands; writes nothing.

    Returns:
        The ledger, and what of the plan and the records could not be read.

    Raises:
        DamagedError: a record is of another configuration than the plan has under its name.
        OSError: a file is there and cannot be read.
    """
    plan, history = read_plan(results), read_history(results)
    for name, record in history.records.items():
        _adopt(plan, name, record)
    if results.study.exists() and not results.plan.exists():
        _adopt_format_1(plan, results)
    ledger = Ledger(results, plan, history, stop_when_diverged=stop_when_diverged, stop=stop)
    return ledger, [*plan.problems, *history.problems]


def _adopt(plan: PlanFile, name: str, record: Record) -> None:
    """Take up a record that plan.jsonl does not know: of the first format, or the file was lost."""
    there = plan.configurations.get(name)
    if there is not None and (there.configuration, there.stage) != (record.configuration, record.stage):
        raise DamagedError(
            f"{plan.results.record(name)} is of another configuration than plan.jsonl has under that name: "
            f"move it away, and its runs are trained again"
        )
    seeds = dict.fromkeys((*(there.seeds if there else ()), *record.seeds, *record.runs()))
    plan.adopt(name, Planned(record.configuration, tuple(seeds), record.stage, there.reason if there else "format 1"))


def _adopt_format_1(plan: PlanFile, results: ResultsDirectory) -> None:
    """The first format numbered the configurations of study.yaml in their order, and had no plan.jsonl."""
    known = {(each.stage, each.configuration) for each in plan.configurations.values()}
    for number, planned in enumerate(planned_by(load_study(results.study))):
        if (planned.stage, planned.configuration) not in known:
            plan.adopt(trial_id(number), planned)
