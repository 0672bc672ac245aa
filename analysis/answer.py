"""What a study found: one sentence, the best configuration, what cannot be told from it, what can be claimed."""

from dataclasses import dataclass
from typing import cast

import pandas as pd

from analysis import searching, words
from analysis.findings import Findings
from analysis.ledger import counted
from analysis.lines import ASKED, sentence, tally
from analysis.statistics.comparison import mean_interval

MOST_CLAIMS = 20
MOST_TOLD = 2  # comparisons of a family that the sentence tells one by one
NOTHING = "No run has reached its planned epochs yet: there is nothing to judge."


@dataclass(frozen=True)
class Answer:
    """The verdict in a sentence, then the best and the rest, then what may stand in a paper and what may not."""

    sentence: str
    lines: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    no_claims: tuple[str, ...] = ()


def answer(findings: Findings) -> Answer:
    """Return what the study found."""
    runs = findings.runs[findings.runs["test_accuracy"].notna()]
    if runs.empty:
        return Answer(NOTHING)
    if runs["condition"].nunique() == 1:
        return Answer(_alone(findings, runs))
    told = []
    first = [each.condition for each in findings.winners if not each.baseline][:1]
    for family in ASKED:
        rows = [row for row in _asked(findings) if row["family"] == family]
        # Of a search the winner: it was chosen before the test images were looked at.
        rows = [row for row in rows if row["a"] in first] or rows
        told += [sentence(row, findings) for row in rows] if len(rows) <= MOST_TOLD else [_told(rows, findings)]
    best = _best_in_a_sentence(findings)
    if told and best and runs["condition"].nunique() == 2:
        best = ""  # the comparison of the two has said it
    elif not best:
        best = f"the search chose {findings.label(first[0])}" if first else f"{_highest(findings)} came out highest"
    said = ". ".join(part[0].upper() + part[1:] for part in (*told, best) if part) + "."
    lines = (*searching.lines(findings), *_places(findings))
    return Answer(said, lines, tuple(_claims(findings)), tuple(_no_claims(findings)))


def _highest(findings: Findings) -> str:
    return findings.label(cast(int, findings.runs.groupby("condition")["test_accuracy"].mean().idxmax()))


def _told(rows: list[dict], findings: Findings) -> str:
    """Many comparisons, counted."""
    against = {findings.label(int(row["b"])) for row in rows}
    which = f"against {against.pop()}" if len(against) == 1 else counted(len(rows), "comparison")
    return f"{which}: {tally(rows, findings.question.meaningful)}"


def _asked(findings: Findings) -> list[dict]:
    table = findings.comparisons
    return table[table["family"].isin(ASKED)].to_dict("records") if len(table) else []


def _alone(findings: Findings, runs: pd.DataFrame) -> str:
    values = runs["test_accuracy"].to_numpy()
    span = words.interval(*mean_interval(values), signed=False)
    between = f"95 % interval of the mean {span}, {len(values)} runs" if len(values) > 1 else "one run"
    name = findings.label(int(runs["condition"].iloc[0]))
    text = (
        f"{name[0].upper()}{name[1:]}: {values.mean():.2f} % {findings.question.measure} ({between}); "
        "one finished configuration, nothing to compare it with."
    )
    return words.with_note(text, [text])


def _mean(findings: Findings, condition: int) -> str:
    values = findings.runs.loc[findings.runs["condition"] == condition, "test_accuracy"].dropna()
    spread = float(values.std()) if len(values) > 1 else float("nan")
    return f"{words.mean_sd(float(values.mean()), spread)} %, n = {len(values)}"


def _best_in_a_sentence(findings: Findings) -> str:
    found = findings.standing
    if found is None:
        return ""
    best = findings.label(found.best)
    others = len(found.near) + len(found.behind)
    by = " by validation accuracy" if findings.has_validation and not findings.winners else ""
    if len(found.alone) == others + 1:
        return f"{best} came out highest{by}, and with one seed each nothing says that it is more than chance"
    if not found.near:
        whole = findings.runs.groupby("condition")["test_accuracy"].count()
        train = "train" if whole.reindex(findings.conditions.index).gt(0).all() else "were trained to their end"
        return f"{best} is the best{by} of the {others + 1} that {train}"
    if not found.behind:
        none = "the other is not" if others == 1 else f"none of the other {others} is"
        return f"which is best is open{by}: {best} came out highest, and {none} surely worse"
    near = counted(len(found.near), "other")
    worse = f"{len(found.behind)} {'is' if len(found.behind) == 1 else 'are'} surely worse"
    return f"{best} came out highest{by}; {near} may be as good or better, {worse}"


def _places(findings: Findings) -> list[str]:
    """The best, those that cannot be told from it, those surely worse, those that do not train."""
    found, lines = findings.standing, []
    if found is not None:
        lines.append(f"Highest: {findings.label(found.best)} ({_mean(findings, found.best)})")
        if found.near and len(found.alone) < len(found.near) + len(found.behind) + 1:
            near = words.listed((_with_diverged(findings, number) for number in found.near), word="or")
            lines.append(f"With 95 % confidence the best is this one or one of these: {near}")
        if found.behind:
            worse = sorted(found.behind, key=lambda each: -each[1])
            said = (
                f"{findings.label(number)}, by at least {least:.1f} points" if least >= 0.05 else findings.label(number)
                for number, least in worse
            )
            lines.append(f"Surely worse than the best: {words.listed(said)}")
    last = findings.seen[-1]
    fails = [
        f"{findings.label(n)} ({last.ns[n]} of {last.ns[n]} diverged)" for n in range(len(last.ns)) if last.fails[n]
    ]
    return [*lines, *([f"Does not train: {words.listed(fails)}"] if fails else [])]


def _with_diverged(findings: Findings, condition: int) -> str:
    """A configuration, with how many of its runs diverged where some did."""
    lost = findings.runs.loc[findings.runs["condition"] == condition, "diverged"]
    return findings.label(condition) + (f" ({int(lost.sum())} of {len(lost)} diverged)" if lost.any() else "")


def _claims(findings: Findings) -> list[str]:
    """Statements for a paper: the decided comparisons, with their numbers, and the set that holds the best."""
    rows = [row for row in _asked(findings) if row["verdict"] in ("larger", "smaller")]
    said = []
    for row in rows[:MOST_CLAIMS]:
        text = f"{sentence(row, findings)}, {words.interval(*row['joint_interval'])}"
        said.append(f"{text[0].upper()}{text[1:]}, n = {row['n_a']} and {row['n_b']}.")
    if len(rows) > MOST_CLAIMS:
        said.append(f"{len(rows) - MOST_CLAIMS} more are in tables/comparisons.csv.")
    if rows:
        said.append(
            f"At most {100 * findings.promised_error:.3g} % of studies like this one make any false claim of these."
        )
    found = findings.standing
    if found is not None and found.behind and not findings.question.selects:
        among = words.listed(map(findings.label, (found.best, *found.near)), most=10, word="or")
        said.append(f"With 95 % confidence the best of those compared is {among}.")
    last = findings.seen[-1]
    said += [
        f"{findings.label(n)} {words.does_not_train(int(last.ns[n]))}." for n in range(len(last.ns)) if last.fails[n]
    ]
    return said


def _no_claims(findings: Findings) -> list[str]:
    """What the study does not show, however it looks."""
    said = []
    rows = [sentence(row, findings) for row in _asked(findings) if row["verdict"] in ("undecided", "no data")]
    said += [f"{text[0].upper()}{text[1:]}." for text in rows[:MOST_CLAIMS]]
    if len(rows) > MOST_CLAIMS:
        said.append(f"{len(rows) - MOST_CLAIMS} more comparisons are undecided.")
    found = findings.standing
    if found is not None and found.near:
        said.append(f"Which is best among {words.listed(map(findings.label, (found.best, *found.near)), most=10)}.")
    if len(findings.comparisons) and (findings.comparisons["family"] == "exploratory").any():
        said.append("Any difference of an exploratory pair: nobody asked for it before the study ran.")
    trained = [
        int(n) for n, fails in zip(findings.seen[-1].ns, findings.seen[-1].fails, strict=True) if n and not fails
    ]
    if trained and not findings.runs["diverged"].any():
        said.append(f"That no run ever diverges: of a configuration {words.unseen_divergence(min(trained))}.")
    return said
