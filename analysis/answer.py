"""What a study found: one sentence, the best configuration, what cannot be told from it, what can be claimed."""

from dataclasses import dataclass

import pandas as pd

from analysis import ranking, searching, words
from analysis.findings import Findings
from analysis.ledger import OPEN, counted
from analysis.lines import ASKED, NOT_DECLARED, sentence, tally
from analysis.statistics.comparison import mean_interval

MOST_CLAIMS = 20
MOST_TOLD = 2  # comparisons that are told one by one, and not counted
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
        rows = [row for row in _asked(findings) if row["family"] == family and row["verdict"] != "no data"]
        # Of a search the winner: it was chosen before the test images were looked at.
        rows = [row for row in rows if row["a"] in first] or rows
        told += [sentence(row, findings) for row in rows] if len(rows) <= MOST_TOLD else [_told(rows, findings)]
    best = ranking.sentence(findings, alone=not told)
    if first and not findings.standings:
        best = f"the search chose {findings.label(first[0])}"
    best = _short(best, told)
    said = ". ".join(part[0].upper() + part[1:] for part in (_unfinished(findings), *told, best) if part) + "."
    lines = (*searching.lines(findings), *ranking.lines(findings))
    return Answer(said, lines, tuple(_claims(findings)), tuple(_no_claims(findings)))


def _short(best: str, told: list[str]) -> str:
    """The sentence on the best, without its name where the only one before it has just begun with that."""
    name, came, rest = best.partition(" came out highest")
    return f"it{came}{rest}" if came and len(told) == 1 and told[0].startswith(f"{name} is ") else best


def _unfinished(findings: Findings) -> str:
    """How many runs have ended, where not all have."""
    waits = int(findings.results.runs["state"].isin(OPEN).sum())
    if not waits:
        return ""
    every = len(findings.results.runs)
    begun = "still running" if findings.results.in_flight else "not finished"
    return f"{begun}: {every - waits} of {counted(every, 'run')} have ended"


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
        promised = (
            f"At most {100 * findings.promised_error:.3g} % of studies like this one make any false claim of these."
        )
        said.append(NOT_DECLARED if findings.changed else promised)
    if not findings.question.selects:
        said += ranking.claims(findings)
    last = findings.seen[-1]
    said += [
        f"{findings.label(n)} {words.does_not_train(int(last.ns[n]))}." for n in range(len(last.ns)) if last.fails[n]
    ]
    return said


def _no_claims(findings: Findings) -> list[str]:
    """What the study does not show, however it looks."""
    said = []
    rows = [row for row in _asked(findings) if row["verdict"] == "undecided"]
    if len(rows) > MOST_TOLD:
        said.append(f"Anything of the {len(rows)} comparisons that are undecided.")
    else:
        said += [f"{text[0].upper()}{text[1:]}." for text in (sentence(row, findings) for row in rows)]
    said += ranking.open_questions(findings)
    if len(findings.comparisons) and (findings.comparisons["family"] == "exploratory").any():
        said.append("Any difference of an exploratory pair: nobody asked for it before the study ran.")
    trained = [
        int(n) for n, fails in zip(findings.seen[-1].ns, findings.seen[-1].fails, strict=True) if n and not fails
    ]
    if trained and min(trained) > 1 and not findings.runs["diverged"].any():
        said.append(f"That divergence is rare: {words.unseen_divergence(min(trained), sum(trained))}.")
    return said
