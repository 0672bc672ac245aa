"""What a reader must know before believing the figures: the report's warnings."""

import re
from typing import Any, cast

import pandas as pd

from analysis import words
from analysis.advice import extended
from analysis.axes import STAGE, numeric, title
from analysis.findings import Findings
from analysis.ledger import counted
from analysis.statistics.comparison import compare, half_width
from analysis.statistics.families import same_runs
from study.contract.axes import AXES

FEW_SEEDS = 5
FEWEST_EQUAL = 10  # accuracies that agree by more than coincidence


def cautions(findings: Findings) -> list[str]:
    """Return the warnings of a study, the gravest first."""
    return [
        *findings.problems,
        *_runs(findings),
        *_selection(findings),
        *_seeds(findings),
        *_judging(findings),
        *_beyond(findings),
        *_diverged(findings),
        *_alike(findings),
        *_edges(findings),
        *_hardware(findings),
    ]


def edge_warning(findings: Findings, axis: str) -> str | None:
    """Return a warning when the best of at least three values of an axis is its first or last one.

    The best condition there must stand out from the best one at the next value inwards: the 95 % interval of
    their difference leaves out 0; of one run each nothing does. The least that an axis can be is no edge.
    """
    best = best_by(findings, axis)
    if len(best) < 3:
        return None
    top = cast(float, best["accuracy"].idxmax())
    if top not in (best.index[0], best.index[-1]) or top == AXES[axis].minimum:
        return None
    inner = best.index[1] if top == best.index[0] else best.index[-2]
    conditions = best["condition"].to_dict()
    if not _stands_out(findings, conditions[top], conditions[inner]):
        return None
    side = "smallest" if top == best.index[0] else "largest"
    name, value = title(axis).lower(), findings.labels.text(axis, top)
    return f"the best {name} is the {side} tried ({value}): the optimum may lie outside the range"


def best_by(findings: Findings, axis: str) -> pd.DataFrame:
    """Return `condition` and `accuracy` of the best condition at each value of an axis (its mean over seeds).

    Indexed by the value, ascending. Validation accuracy where there is a validation set, else test accuracy.
    """
    means = findings.runs.groupby("condition")[_measure(findings)].mean().dropna()
    table = pd.DataFrame({"condition": means.index, "accuracy": means.to_numpy()})
    table[axis] = findings.conditions[axis].reindex(means.index).to_numpy()
    return table.sort_values("accuracy", ascending=False).drop_duplicates(axis).set_index(axis).sort_index()


def _measure(findings: Findings) -> str:
    return "validation_accuracy" if findings.has_validation else "test_accuracy"


def _stands_out(findings: Findings, a: int, b: int) -> bool:
    runs = findings.runs.set_index("seed")
    ours, theirs = (runs.loc[runs["condition"] == number, _measure(findings)] for number in (a, b))
    paired = same_runs(findings.point(a), findings.point(b))
    result = compare(ours, theirs, findings.question.meaningful, paired=paired)
    low = result.interval[0]
    if pd.isna(low):  # no spread at all, or one run
        return min(len(ours), len(theirs)) > 1 and bool(result.difference > 0)
    return low > 0


def _runs(findings: Findings) -> list[str]:
    runs = findings.results.runs
    lines = []
    failed = runs[runs["state"] == "failed"]
    for error, group in failed.groupby(failed["error"].fillna("unknown error").astype(str)):
        first = (str(error).strip().splitlines() or ["unknown error"])[-1][:160]
        lines.append(f"{_of_configurations(findings, group)}: failed: {first}")
    open_states = {"planned": "not begun", "running": "not finished yet", "interrupted": "interrupted before the end"}
    for state, said in open_states.items():
        group = runs[runs["state"] == state]
        if len(group):
            lines.append(f"{_of_configurations(findings, group)}: {said}")
    stopped = int((runs["state"] == "stopped").sum())
    if stopped:
        lines.append(
            f"{stopped} of {len(runs)} runs were stopped early, by a scheduler or a stop rule: they have no "
            "final accuracy and are in no mean"
        )
    return lines


def _of_configurations(findings: Findings, group: pd.DataFrame) -> str:
    """So many runs of configurations in words, each with the number that its record carries."""
    axes = [axis for axis in findings.axes if axis != STAGE]
    rows = group.drop_duplicates("trial_id")
    points = zip(rows["trial_id"], rows[list(AXES)].to_dict("records"), strict=True)
    names = [f"{findings.labels.condition(point, axes)} ({name})" for name, point in points]  # type: ignore[arg-type]
    return f"{counted(len(group), 'run')} of {words.listed(names)}"


def _selection(findings: Findings) -> list[str]:
    scheduler = findings.results.study.get("scheduler")
    if isinstance(scheduler, dict) and scheduler.get("name") == "pbt":
        return [
            "population based training: members went on from each other's states with changed values. A member is "
            "called by the values that its network was trained with; axes of figures and columns of tables hold those "
            "at its beginning"
        ]
    if findings.question.selects and not findings.has_validation:
        return [
            "selected on test: the search or scheduler chose among configurations without a "
            "validation set, so the test accuracy of its winners is too high"
        ]
    return []


def _seeds(findings: Findings) -> list[str]:
    runs = findings.runs[findings.runs["complete"]]
    if findings.winners:  # what was confirmed answers the question; a search explores with as few seeds as it likes
        runs = runs[runs["condition"].isin([each.condition for each in findings.winners])]
    counts = runs.groupby("condition").size()
    if counts.empty or counts.max() == 1 or counts.min() >= FEW_SEEDS:
        return []  # of one seed each the answer says it
    least = int(counts.min())
    if least == 1:
        return ["few seeds: some configurations have 1 finished run, and no interval"]
    which = "each configuration has" if least == counts.max() else "some configurations have"
    return [f"few seeds: {which} {least} finished runs, so intervals are wide"]


def _judging(findings: Findings) -> list[str]:
    """Say what looks have been taken, what those without a plan have cost, and what was asked too late."""
    return [said for said in (changed(findings), extended(findings)) if said]


def changed(findings: Findings) -> str | None:
    """Return a warning where the question was changed after results were there; None where it stands as declared."""
    declared, different = findings.results.history.declared, findings.changed
    if declared is None or not different:
        return None
    said = "; ".join(f"{key}: {_asked(before)} before, {_asked(now)} now" for key, (before, now) in different.items())
    return (
        f"the question was changed when {counted(declared.begun, 'run')} had begun ({said}): these verdicts were not "
        "declared before the results, and no error rate holds for them"
    )


def _asked(value: Any) -> str:
    """A setting in a few words, as study.yaml writes it or nearly so."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_asked(each)}" for key, each in value.items() if each is not None) + "}"
    if isinstance(value, list):
        return ", ".join(str(each.get("name")) if isinstance(each, dict) else str(each) for each in value) or "none"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "none"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)


def _beyond(findings: Findings) -> list[str]:
    """Warn of intervals that hold values no percentage can have."""
    stats = findings.runs.groupby("condition")["test_accuracy"].agg(["mean", "std", "count"])
    half = half_width(stats["std"].to_numpy(), stats["count"].to_numpy())
    means = int(((stats["mean"] - half < 0) | (stats["mean"] + half > 100)).sum())
    pairs = [] if findings.comparisons.empty else list(findings.comparisons["joint_interval"])
    differences = sum(low < -100 or high > 100 for low, high in pairs)
    said = [f"{_of(means, len(stats))} of a mean test accuracy {_reach(means)} beyond 0 to 100 %"] if means else []
    if differences:
        said.append(f"{_of(differences, len(pairs))} of a difference {_reach(differences)} beyond ±100 points")
    if not said:
        return []
    return [f"{' and '.join(said)} (marked {words.BEYOND} where they are shown): the runs are too few or too far apart"]


def _of(some: int, every: int) -> str:
    return f"{some} of {counted(every, 'interval')}"


def _reach(some: int) -> str:
    return "reaches" if some == 1 else "reach"


def _diverged(findings: Findings) -> list[str]:
    lost = findings.runs[findings.runs["diverged"]]
    if lost.empty:
        return []
    conditions = lost["condition"].nunique()
    return [
        f"{len(lost)} of {len(findings.runs)} runs diverged (loss not finite), "
        f"in {counted(conditions, 'configuration')}; they stay in every mean "
        "accuracy and are marked; a mean loss that holds one is not given"
    ]


def _alike(findings: Findings) -> list[str]:
    """Name conditions whose runs agree epoch by epoch: what tells them apart does nothing."""
    kept = findings.curves.sort_values(["condition", "seed", "epoch"])
    rows = kept.groupby(["condition", "seed"])["test_accuracy"].agg(tuple).groupby("condition").agg(tuple)
    groups: dict[Any, list[int]] = {}
    for condition, curves in rows.items():
        groups.setdefault(curves, []).append(int(str(condition)))
    lines = []
    for curves, numbers in groups.items():
        values = [value for curve in curves for value in curve]
        if len(numbers) == 1 or len(values) < FEWEST_EQUAL or len(set(values)) == 1:
            continue  # one of its kind, or a coincidence, or nothing was learned
        said = " and ".join(f"'{findings.label(number)}'" for number in numbers[:3])
        lines.append(f"the runs of {said} are equal in every epoch: what tells them apart changes nothing")
    return lines


def _edges(findings: Findings) -> list[str]:
    if findings.results.history.exchanges:
        return []  # values that change while a member trains have no best one
    return [w for axis in findings.axes if numeric(axis) and (w := edge_warning(findings, axis))]


def _hardware(findings: Findings) -> list[str]:
    lines = []
    models = sorted({_model(device) for device in findings.results.log["device"].unique()})
    hosts = {str(n["cpu"]) for s in findings.results.sessions for n in _nodes(s) if n.get("cpu")}
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
        tuple(sorted(s["versions"].items())) for s in findings.results.sessions if isinstance(s.get("versions"), dict)
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


def _nodes(session: dict[str, Any]) -> list[dict[str, Any]]:
    hardware = session.get("hardware")
    nodes = hardware.get("nodes") if isinstance(hardware, dict) else None
    return [n for n in nodes if isinstance(n, dict)] if isinstance(nodes, list) else []
