"""What gpu.py has found, as Markdown for docs/performance.md."""

import statistics
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks import convolution_forms
from benchmarks.gpu_plan import PRECISIONS
from benchmarks.tables import markdown

Result = dict[str, Any]
# Relative, of a form that is right; TF32 rounds its factors to 11 bits, bfloat16 to 8.
LARGEST_ERRORS = {"float32": 1e-4, "tf32": 5e-3, "bf16": 5e-2}
# Cases that are named with a reason that they share.
_NAMED = 4


def markdown_of(everything: dict[str, Any]) -> str:
    """The tables of all parts that there are so far, and what was not measured."""
    sections = [_heading(everything)]
    for name, part in everything["parts"].items():
        found = [result for result in part["results"] if result["found"] is not None]
        if found:
            sections.append(f"### {TITLES[name]}\n\n{TABLES[name](found)}")
    missing = [f"- {line}" for line in problems(everything)]
    if missing:
        sections.append("### Not measured, or wrong\n\n" + "\n".join(missing))
    return "\n\n".join(sections) + "\n"


def problems(everything: dict[str, Any]) -> list[str]:
    """What was not measured and why, and which tests failed; cases of a part with the same reason in one line."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for name, part in everything["parts"].items():
        for result in part["results"]:
            if problem := _problem(name, result):
                reasons.setdefault((name, problem), []).append(_label(result["case"]))
    return [f"{name}: {_some(labels)}: {problem}" for (name, problem), labels in reasons.items()]


def _some(labels: Sequence[str]) -> str:
    more = f"; and {len(labels) - _NAMED} more" if len(labels) > _NAMED else ""
    return "; ".join(labels[:_NAMED]) + more


def _problem(part: str, result: Result) -> str | None:
    found = result["found"]
    if found is None:
        return result["problem"]
    if part == "forms":
        limit = LARGEST_ERRORS[found["case"]["precision"]]
        wrong = found["problem"] is None and not found["error"] < limit  # not a number, too
        return f"wrong: an error of more than {limit}" if wrong else found["problem"]
    if part == "tests" and found["status"]:
        return found["summary"]
    if part == "compiled" and any(found["statuses"]):
        return f"exit statuses {found['statuses']}"
    return None


def _label(case: Result) -> str:
    """What tells a case from the others of its part."""
    telling = ("what", "file", "form", "layout", "replicas", "precision", "graphs", "share")
    return ", ".join(f"{name} {case[name]}" if name != "file" else case[name] for name in telling if name in case)


def _heading(everything: dict[str, Any]) -> str:
    found = [result["found"] for result in everything["parts"].get("facts", {}).get("results", [])]
    about = found[0] if found and found[0] else {}
    words = ", ".join(f"{name} {value}" for name, value in about.items())
    sizes = "; tiny sizes, which measure nothing" if everything["quick"] else ""
    return f"Measured {everything['date']} on {everything['device']}{sizes}: {words or 'nothing is known of it'}."


def _facts(results: Sequence[Result]) -> str:
    lines = []
    for result in results:
        case, found = result["case"], result["found"]
        if case["what"] == "copy":
            lines.append(["copy, bytes read and written", f"{found['terabytes_per_second']:.3g} TB/s"])
        elif case["what"] == "product":
            what = f"product of {case['side']} x {case['side']} matrices, {case['precision']}"
            lines.append([what, f"{found['tflop_per_second']:.3g} TFLOP/s"])
    return markdown(("what PyTorch reaches", "rate"), lines)


def _tests(results: Sequence[Result]) -> str:
    return markdown(("tests", "outcome"), [[each["case"]["file"], each["found"]["summary"]] for each in results])


def _compiled(results: Sequence[Result]) -> str:
    return "\n".join(f"{each['found']['seconds']:.0f} s, all precisions at once." for each in results)


def _throughput(results: Sequence[Result]) -> str:
    lines = []
    for result in sorted(results, key=lambda each: (not each["case"]["graphs"], *_by_precision(each["case"]))):
        case, found = result["case"], result["found"]
        rate = statistics.median(found["model_epochs_per_second"])
        lines.append(
            [
                str(case["replicas"]),
                case["precision"],
                "on" if case["graphs"] else "off",
                f"{rate:.3g}",
                f"{1000 / rate:.3g}",
                _whole(found["memory_mib"]),
                _whole(found["host_us_per_step"]),
            ]
        )
    headings = ("replicas", "precision", "graphs", "model-epochs/s", "ms each", "memory MiB", "host us a step")
    return markdown(headings, lines)


def _profile(results: Sequence[Result]) -> str:
    tables = []
    for result in results:
        case, found = result["case"], result["found"]
        lines = [
            [each["name"].replace("|", "/"), f"{each['us_per_step']:.0f}", f"{each['calls_per_step']:.0f}"]
            for each in found["kernels"]
        ]
        lines.append(["all", f"{found['us_per_step']:.0f}", f"{found['calls_per_step']:.0f}"])
        heading = f"A step of {case['replicas']} replicas, {case['precision']}, batches of 128, without graphs:"
        tables.append(f"{heading}\n\n{markdown(('kernel', 'us a step', 'calls'), lines)}")
    return "\n\n".join(tables)


def _notebook(results: Sequence[Result]) -> str:
    lines = [
        [
            "a whole epoch" if each["case"]["share"] == 1 else "loaders in full swing, scaled",
            f"{1 / each['found']['model_epochs_per_second']:.2f}",
        ]
        for each in results
    ]
    return markdown(("the notebook's loop", "s a model-epoch"), lines)


def _largest(results: Sequence[Result]) -> str:
    lines = [
        [str(each["case"]["replicas"]), "yes" if each["found"]["fits"] else "no", _whole(each["found"]["memory_mib"])]
        for each in results
    ]
    return markdown(("replicas", "fit", "memory MiB"), lines)


def _forms(results: Sequence[Result]) -> str:
    rows = [each["found"] for each in results if not each["found"]["problem"]]
    return convolution_forms.table(sorted(rows, key=lambda row: _by_precision(row["case"])))


def _by_precision(case: Result) -> tuple[Any, ...]:
    return PRECISIONS.index(case["precision"]), case["replicas"]


def _whole(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


TITLES = {
    "facts": "What the device reaches",
    "tests": "Tests",
    "compiled": "Compiling the Triton kernels",
    "forms": "3x3 convolutions of 8 channels, 128 images of 12 x 12",
    "throughput": "The study's loop: replicas, precisions, CUDA graphs",
    "profile": "Where a step's time goes",
    "notebook": "The notebook's loop on the same machine",
    "largest": "How many replicas fit",
}
TABLES: dict[str, Callable[[Sequence[Result]], str]] = {
    "facts": _facts,
    "tests": _tests,
    "compiled": _compiled,
    "forms": _forms,
    "throughput": _throughput,
    "profile": _profile,
    "notebook": _notebook,
    "largest": _largest,
}
