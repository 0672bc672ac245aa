"""What a reader must know before believing the figures: the report's warnings."""

import re
from typing import Any

import pandas as pd

from analysis.findings import Findings
from analysis.question import AXIS_TITLES, NUMERIC, tick_label
from analysis.results import counted
from analysis.statistics.comparison import half_width
from analysis.words import BEYOND, points

FEW_SEEDS = 5


def cautions(findings: Findings) -> list[str]:
    """Return the warnings of a study, the gravest first."""
    return [
        *findings.problems,
        *_trials(findings),
        *_selection(findings),
        *_seeds(findings),
        *_undecided(findings),
        *_beyond(findings),
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
        "not_started": "not started yet" if findings.results.in_flight else "did not start",
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
    least, most = int(counts.min()), int(counts.max())
    if most == 1:
        return ["one seed: nothing can be said about the randomness of training"]
    if least == 1:
        return ["few seeds: some conditions have 1 finished run, and no interval"]
    return [f"few seeds: some conditions have {least} finished runs, so intervals are wide"]


def _undecided(findings: Findings) -> list[str]:
    """Count the declared and baseline comparisons that are undecided, apart from those without runs."""
    table = findings.comparisons
    if table.empty:
        return []
    verdicts = table.loc[table["family"] != "exploratory", "verdict"]
    counts, lines = verdicts.value_counts(), []
    if "undecided" in counts:
        d = points(findings.question.meaningful)
        lines.append(f"{counts['undecided']} of {len(verdicts)} declared and baseline comparisons are undecided at {d}")
    if "no data" in counts:
        lines.append(f"{counts['no data']} of {len(verdicts)} comparisons have no finished run on one side yet")
    return lines


def _beyond(findings: Findings) -> list[str]:
    """Warn of intervals that hold values no percentage can have."""
    stats = findings.runs.groupby("condition")["test_accuracy"].agg(["mean", "std", "count"])
    half = half_width(stats["std"].to_numpy(), stats["count"].to_numpy())
    means = int(((stats["mean"] - half < 0) | (stats["mean"] + half > 100)).sum())
    pairs = [] if findings.comparisons.empty else list(findings.comparisons["joint_interval"])
    differences = sum(low < -100 or high > 100 for low, high in pairs)
    said = [f"{means} of {len(stats)} intervals of a mean test accuracy reach beyond 0 to 100 %"] if means else []
    if differences:
        said.append(f"{differences} of {len(pairs)} intervals of a difference reach beyond ±100 points")
    if not said:
        return []
    return [f"{' and '.join(said)} (marked {BEYOND} where they are shown): the runs are too few or too far apart"]


def _diverged(findings: Findings) -> list[str]:
    lost = findings.runs[findings.runs["diverged"]]
    if lost.empty:
        return []
    conditions = lost["condition"].nunique()
    return [
        f"{len(lost)} of {len(findings.runs)} runs diverged (loss not finite), "
        f"in {counted(conditions, 'condition')}; they stay in every mean and are marked"
    ]


def _edges(findings: Findings) -> list[str]:
    axes = [axis for axis in findings.axes if axis in NUMERIC]
    if findings.runs["test_accuracy"].isna().all():
        return []
    return [w for axis in axes if (w := edge_warning(best_by(findings, axis), axis))]


def _hardware(findings: Findings) -> list[str]:
    lines = []
    models = sorted({_model(device) for device in findings.results.log["device"].unique()})
    hosts = {str(n["cpu"]) for s in _sessions(findings) for n in _nodes(s) if n.get("cpu")}
    if len(models) > 1 and all(model.startswith("CPU") for model in models):
        lines.append(
            f"mixed computation: trained on {' and '.join(models)}; accuracies agree within rounding, "
            "seconds do not compare"
        )
    elif len(models) > 1:
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


def _model(device: str) -> str:
    """Name what trained: 'NVIDIA H200' for 'cuda:0 (NVIDIA H200)', 'CPU (kernels)' for 'cpu (kernels)'."""
    gpu = re.fullmatch(r"cuda:[\d,]*(?: \((.*)\))?", device)
    if gpu:
        return gpu[1] or "GPU"
    return re.sub(r"^cpu\b", "CPU", device)


def _sessions(findings: Findings) -> list[dict[str, Any]]:
    sessions = findings.results.provenance.get("sessions")
    return [s for s in sessions if isinstance(s, dict)] if isinstance(sessions, list) else []


def _nodes(session: dict[str, Any]) -> list[dict[str, Any]]:
    hardware = session.get("hardware")
    nodes = hardware.get("nodes") if isinstance(hardware, dict) else None
    return [n for n in nodes if isinstance(n, dict)] if isinstance(nodes, list) else []
