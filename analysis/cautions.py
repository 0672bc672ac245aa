"""What a reader must know before believing the figures: the report's warnings."""

from typing import Any

import pandas as pd

from analysis.findings import Findings
from analysis.question import AXIS_TITLES, NUMERIC, tick_label
from analysis.words import points

FEW_SEEDS = 5


def cautions(findings: Findings) -> list[str]:
    """Return the warnings of a study, the gravest first."""
    return [
        *findings.problems,
        *_trials(findings),
        *_selection(findings),
        *_seeds(findings),
        *_undecided(findings),
        *_diverged(findings),
        *_edges(findings),
        *_hardware(findings),
    ]


def edge_warning(means: pd.Series, axis: str) -> str | None:
    """Return a warning when the best of at least three values of an axis is its first or last.

    means: accuracy by value of the axis, ascending.
    """
    means = means.dropna()
    if len(means) < 3:
        return None
    best = means.idxmax()
    if best not in (means.index[0], means.index[-1]):
        return None
    side = "smallest" if best == means.index[0] else "largest"
    title = AXIS_TITLES[axis].lower()
    return f"the best {title} is the {side} tried ({tick_label(axis, best)}): the optimum may lie outside the range"


def best_by(findings: Findings, axis: str) -> pd.Series:
    """Return the accuracy of the best condition at each value of an axis (its mean over seeds).

    Validation accuracy where there is a validation set, else test accuracy.
    """
    measure = "validation_accuracy" if findings.has_validation else "test_accuracy"
    means = findings.runs.groupby("condition")[measure].mean()
    return means.groupby(findings.conditions[axis].reindex(means.index)).max()


def _trials(findings: Findings) -> list[str]:
    trials = findings.results.trials
    lines = []
    failed = trials[trials["status"] == "failed"]
    for error, group in failed.groupby(failed["error"].fillna("unknown error").astype(str)):
        first = (str(error).strip().splitlines() or ["unknown error"])[-1][:160]
        lines.append(f"{_trial(group)} failed: {first}")
    open_states = {
        "not_started": "did not start",
        "running": "not finished yet",
        "interrupted": "interrupted before the end",
    }
    for status, said in open_states.items():
        group = trials[trials["status"] == status]
        if len(group):
            lines.append(f"{_trial(group)} {said}")
    stopped = int((trials["status"] == "stopped").sum())
    if stopped:
        lines.append(
            f"{stopped} of {len(trials)} trials were stopped early by the scheduler: they have no "
            "final accuracy and are in no mean"
        )
    return lines


def _trial(group: pd.DataFrame) -> str:
    names = [str(name) for name in group["trial_id"]]
    shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    return f"trial{'' if len(names) == 1 else 's'} {shown}:"


def _selection(findings: Findings) -> list[str]:
    if findings.question.selects and not findings.has_validation:
        return [
            "selected on test: the search or scheduler chose among configurations without a "
            "validation set, so the test accuracy of its winners is too high"
        ]
    return []


def _seeds(findings: Findings) -> list[str]:
    counts = findings.runs[findings.runs["complete"]].groupby("condition").size()
    if counts.empty or counts.min() >= FEW_SEEDS:
        return []
    least = int(counts.min())
    if least == 1:
        return ["one seed: nothing can be said about the randomness of training"]
    return [f"few seeds: some conditions have {least} finished runs, so intervals are wide"]


def _undecided(findings: Findings) -> list[str]:
    table = findings.comparisons
    table = table[table["family"] != "exploratory"] if len(table) else table
    undecided = int((table["verdict"] == "undecided").sum()) if len(table) else 0
    if not undecided:
        return []
    d = points(findings.question.meaningful)
    return [f"{undecided} of {len(table)} comparisons are undecided at {d}"]


def _diverged(findings: Findings) -> list[str]:
    lost = findings.runs[findings.runs["diverged"]]
    if lost.empty:
        return []
    conditions = lost["condition"].nunique()
    return [
        f"{len(lost)} of {len(findings.runs)} runs diverged (loss not finite), in {conditions} "
        f"condition{'' if conditions == 1 else 's'}; they stay in every mean and are marked"
    ]


def _edges(findings: Findings) -> list[str]:
    axes = [axis for axis in findings.axes if axis in NUMERIC]
    if findings.runs["test_accuracy"].isna().all():
        return []
    return [w for axis in axes if (w := edge_warning(best_by(findings, axis), axis))]


def _hardware(findings: Findings) -> list[str]:
    lines = []
    log = findings.results.log
    models = sorted(set(log["device"].str.replace(r"^cuda:\d+\s*", "", regex=True)))
    hosts = {str(n.get("cpu")) for s in _sessions(findings) for n in _nodes(s)}
    if len(models) > 1:
        lines.append(f"mixed hardware: trained on {', '.join(models)}; seconds do not compare")
    elif len(hosts) > 1:
        lines.append(f"mixed hardware: {', '.join(sorted(hosts))}; seconds may not compare")
    versions = {
        tuple(sorted(s["versions"].items())) for s in _sessions(findings) if isinstance(s.get("versions"), dict)
    }
    if len(versions) > 1:
        lines.append("the sessions of this study ran different software versions; see provenance")
    precision = findings.results.provenance.get("precision", "float32")
    if precision != "float32":
        lines.append(f"trained in {precision}, not in float32")
    return lines


def _sessions(findings: Findings) -> list[dict[str, Any]]:
    sessions = findings.results.provenance.get("sessions")
    return [s for s in sessions if isinstance(s, dict)] if isinstance(sessions, list) else []


def _nodes(session: dict[str, Any]) -> list[dict[str, Any]]:
    hardware = session.get("hardware")
    nodes = hardware.get("nodes") if isinstance(hardware, dict) else None
    return [n for n in nodes if isinstance(n, dict)] if isinstance(nodes, list) else []
