"""Which configuration is best, in words: within each number of epochs, since more of them are another budget."""

from typing import cast

from analysis import words
from analysis.axes import STAGE
from analysis.findings import Findings
from analysis.ledger import counted
from analysis.statistics.standing import Standing

LEAST_SAID = 0.05  # points; a smaller distance reads as 0.0


def sentence(findings: Findings, alone: bool) -> str:
    """Return what is known of the best in a sentence, of the largest budget; '' where the verdicts have said it.

    alone: whether there are no verdicts.
    """
    found = findings.standings
    if not found:
        return _highest(findings) if alone or "epochs" not in findings.axes else ""
    budget = max(found)
    if _judged(findings, found[budget]):
        return ""
    return f"{_after(findings, budget)}{_found(findings, found[budget])}"


def lines(findings: Findings) -> list[str]:
    """Return the best, those that may be, those that are not: of every budget; and what fails."""
    said: list[str] = []
    for budget, found in findings.standings.items():
        if not _judged(findings, found):
            of_budget = _places(findings, found)
            several = _after(findings, budget)
            said += [f"{several.capitalize()}{_joined(of_budget)}"] if several else of_budget
    last = findings.seen[-1]
    fails = [
        f"{findings.label(n)} ({last.ns[n]} of {last.ns[n]} diverged)" for n in range(len(last.ns)) if last.fails[n]
    ]
    return [*said, *([f"Does not train: {words.listed(fails)}"] if fails else [])]


def claims(findings: Findings) -> list[str]:
    """Return the sets that hold the best, where they leave anything out, as statements for a paper."""
    said = []
    for budget, found in findings.standings.items():
        if found.behind and not _judged(findings, found):
            among = words.listed(_names(findings, (found.best, *found.near)), most=10, word="or")
            said.append(f"With 95 % confidence the best of those compared {_after(findings, budget)}is {among}.")
    return said


def open_questions(findings: Findings) -> list[str]:
    """Return where it is not known which is best."""
    return [
        f"{f'Which is the best {_after(findings, budget)}'.strip()}: {1 + len(found.near)} may be."
        for budget, found in findings.standings.items()
        if found.near and not _judged(findings, found)
    ]


def _after(findings: Findings, budget: int) -> str:
    """The budget in words, where there are several: 'after 8 epochs '."""
    return f"after {counted(budget, 'epoch')} " if "epochs" in findings.axes else ""


def _judged(findings: Findings, found: Standing) -> bool:
    """Whether these are two whose comparison was asked for: its verdict says it all."""
    rest = (*found.near, *(number for number, _ in found.behind))
    return len(rest) == 1 and frozenset((found.best, rest[0])) in _compared(findings)


def _compared(findings: Findings) -> set[frozenset[int]]:
    """The pairs that have an interval behind a verdict, which is then the one to quote."""
    return {frozenset((pair.a, pair.b)) for pair, each in findings.verdicts if each.low == each.low}


def _names(findings: Findings, conditions: tuple[int, ...]) -> list[str]:
    """Configurations in words, without their numbers of epochs where those are said before."""
    if "epochs" not in findings.axes:
        return [findings.label(number) for number in conditions]
    told = [axis for axis in findings.axes if axis not in ("epochs", STAGE)]
    return [findings.labels.condition(findings.point(number), told) for number in conditions]


def _name(findings: Findings, condition: int) -> str:
    return _names(findings, (condition,))[0]


def _highest(findings: Findings) -> str:
    """The highest mean of all, where nothing is ranked."""
    means = findings.runs.groupby("condition")["test_accuracy"].mean().dropna()
    said = f"{findings.label(cast(int, means.idxmax()))} came out highest"
    return f"{said}, of different numbers of epochs" if len(means) > 1 and "epochs" in findings.axes else said


def _found(findings: Findings, found: Standing) -> str:
    best = _name(findings, found.best)
    others = len(found.near) + len(found.behind)
    by = " by validation accuracy" if findings.has_validation and not findings.winners else ""
    if len(found.alone) == others + 1:
        return f"{best} came out highest{by}, and with one seed each nothing says that it is more than chance"
    if not found.near:
        whole = findings.runs.groupby("condition")["test_accuracy"].count()
        train = "train" if whole.reindex(findings.conditions.index).gt(0).all() else "were trained to their end"
        return f"{best} is the best{by} of the {others + 1} that {train}"
    if not found.behind:
        rest = "the other" if others == 1 else f"any of the other {others}"
        return f"it is open which is best{by}: {best} came out highest, and {rest} may be as good or better"
    near = counted(len(found.near), "other")
    worse = f"{len(found.behind)} {'is' if len(found.behind) == 1 else 'are'} not"
    return f"{best} came out highest{by}; {near} may be as good or better, {worse} (95 % confidence)"


def _places(findings: Findings, found: Standing) -> list[str]:
    """The best, those that cannot be told from it, and those that are not the best."""
    lines = [f"Highest: {_name(findings, found.best)} ({_mean(findings, found.best)})"]
    if found.near and len(found.alone) < len(found.near) + len(found.behind) + 1:
        near = words.listed((_with_diverged(findings, number) for number in found.near), word="or")
        one_of = "one of these: " if len(found.near) > 1 else ""
        lines.append(f"With 95 % confidence the best is this one or {one_of}{near}")
    if found.behind:
        lines.append(f"With 95 % confidence not the best: {_worse(findings, found)}")
    return lines


def _joined(lines: list[str]) -> str:
    """Lines as one: 'highest: a (...); with 95 % confidence the best is this one or b'."""
    return "; ".join(line[0].lower() + line[1:] for line in lines)


def _worse(findings: Findings, found: Standing) -> str:
    """Those that are not the best, with the least distance unless a verdict gives its interval."""
    compared = _compared(findings)
    numbered, told = [], []
    for number, least in sorted(found.behind, key=lambda each: -each[1]):
        name = _with_diverged(findings, number)
        if frozenset((number, found.best)) in compared:
            told.append(name)
        else:
            by = "more than 0" if least < LEAST_SAID else f"at least {least:.1f}"
            numbered.append(f"{name}, by {by} points")
    if not numbered or not told:
        return words.listed(numbered or told)
    return f"{words.listed(numbered)}; and, with the distance in the verdicts below, {words.listed(told)}"


def _mean(findings: Findings, condition: int) -> str:
    values = findings.runs.loc[findings.runs["condition"] == condition, "test_accuracy"].dropna()
    spread = float(values.std()) if len(values) > 1 else float("nan")
    return f"{words.mean_sd(float(values.mean()), spread)} %, n = {len(values)}"


def _with_diverged(findings: Findings, condition: int) -> str:
    """A configuration, with how many of its runs diverged where some did."""
    lost = findings.runs.loc[findings.runs["condition"] == condition, "diverged"]
    return _name(findings, condition) + (f" ({int(lost.sum())} of {len(lost)} diverged)" if lost.any() else "")
