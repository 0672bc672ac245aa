"""Writes study.yaml, and writes down where that asks another question of results that are there already."""

from typing import Any

from study.contract.plan import JUDGED_BY, QuestionLine
from study.results.clock import now
from study.results.files import write_text
from study.results.ledger import Ledger
from study.results.paths import ResultsDirectory
from study.space import Study, load_study


def declare(study: Study, ledger: Ledger, results: ResultsDirectory) -> None:
    """Write study.yaml as it is asked for now.

    Verdicts keep their promise only for what was declared before the results; the report says where it was not.

    Raises:
        SpaceError: the study.yaml that is there is wrong.
        OSError: a file cannot be written.
    """
    begun = sum(status.epochs_done > 0 for status in ledger.runs.values())
    if begun and results.study.exists():
        before = judged_by(load_study(results.study))
        if before != judged_by(study):
            ledger.note(QuestionLine(event="question", time=now(), begun=begun, before=before))
    write_text(results.study, study.to_yaml())


def judged_by(study: Study) -> dict[str, Any]:
    """Return the part of ``compare`` that verdicts depend on, as study.yaml holds it."""
    values = study.compare.model_dump(mode="json")
    return {key: values[key] for key in JUDGED_BY}
