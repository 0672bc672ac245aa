import io
import math
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure
from rich.console import Console

from analysis import tables
from analysis.figures.catalogue import CATALOGUE
from analysis.findings import Findings
from analysis.page import _more, _order, _time
from analysis.report import Report, ReportError, _best_first, failed, print_summary, write_report
from analysis.words import REALISTIC_SEEDS
from tests.analysis.simulate import Simulation, search, simulate

FAILED = failed  # as it is outside of tests, see conftest


@pytest.fixture(scope="module")
def depth(directories: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Report:
    return write_report(directories["depth"], tmp_path_factory.mktemp("report"))


def printed(report: Report, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width)
    print_summary(report, console)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_figures_tables_and_pages_are_written(depth: Report) -> None:
    figures = sorted(p.name for p in (depth.out / "figures").iterdir())
    assert figures == sorted(f"{d.entry.name}.{k}" for d in depth.drawn for k in ("png", "svg"))
    for name in ("convergence", "final_accuracy", "forest", "head_to_head", "epochs_to_accuracy"):
        assert f"{name}.svg" in figures
    tables = {p.stem for p in (depth.out / "tables").iterdir()}
    assert {"summary", "comparisons", "runs", "figure_convergence"} <= tables
    assert {d.entry.numbers for d in depth.drawn} <= tables
    assert (depth.out / "report.html").stat().st_size > 100_000
    assert (depth.out / "summary.md").read_text().startswith("## depth")


def test_every_figure_is_drawn_or_left_out_with_a_reason(depth: Report) -> None:
    assert len(depth.drawn) + len(depth.left_out) == len(CATALOGUE)
    assert all(reason for _, reason in depth.left_out)


def test_summary_table_is_what_the_runs_say(depth: Report) -> None:
    table = pd.read_csv(depth.out / "tables" / "summary.csv")
    runs = pd.read_csv(depth.out / "tables" / "runs.csv")
    assert len(table) == 10
    for _, row in table.iterrows():
        values = runs[runs["configuration"] == row["configuration"]]["test_accuracy"]
        assert row["n"] == 5
        assert row["test_accuracy_mean"] == pytest.approx(values.mean())
        assert row["test_accuracy_sd"] == pytest.approx(values.std())
    assert set(table.columns) >= {"reached_50", "seen_50", "epochs_to_50", "seconds"}


def test_summary_is_printed_with_verdicts(depth: Report) -> None:
    text = printed(depth)
    assert "Test (%)" in text
    assert "≥50 %" in text
    assert "Against 10 blocks, no batch norm" in text
    assert "worse by more than 1 point" in text
    assert "--extend --set seeds=" in text
    assert str(depth.out / "report.html") in text.replace("\n", "")
    assert "    python -m study.run" in (depth.out / "summary.md").read_text()
    assert "--extend --set seeds=" in (depth.out / "report.html").read_text()


def test_summary_fits_a_narrow_terminal(depth: Report) -> None:
    lines = printed(depth, width=80).splitlines()
    header = next(line for line in lines if "Train" in line)
    assert "…" not in header
    assert "Time (s)" in header


def test_formats_of_an_earlier_report_are_drawn_again_and_said(directories: dict[str, Path], tmp_path: Path) -> None:
    old = write_report(directories["learning_rate"], tmp_path, ("svg",))
    assert "earlier report" not in printed(old)
    own = tmp_path / "figures" / "mine.svg"
    own.write_text("kept")
    before = (tmp_path / "figures" / "convergence.svg").read_bytes()
    report = write_report(directories["corners"], tmp_path, ("pdf",))
    names = {p.name for p in (tmp_path / "figures").iterdir()}
    assert names == {"mine.svg", *(f"{d.entry.name}.{kind}" for d in report.drawn for kind in ("pdf", "svg"))}
    assert "learning_rate.svg" not in names
    assert (tmp_path / "figures" / "convergence.pdf").read_bytes().startswith(b"%PDF")
    assert (tmp_path / "figures" / "convergence.svg").read_bytes() not in (before, b"")
    assert own.read_text() == "kept"
    said = f"Figures: {len(report.drawn)} as pdf; the svg files of an earlier report were drawn again too"
    assert said in " ".join(printed(report).split())


def test_tables_of_an_earlier_report_do_not_stay(directories: dict[str, Path], tmp_path: Path) -> None:
    write_report(directories["corners"], tmp_path, ())
    tables = tmp_path / "tables"
    (tables / "mine.csv").write_text("kept")
    assert (tables / "logrank.csv").exists()
    assert (tables / "figure_head_to_head_means.csv").exists()
    for former in ("tables/figure_survival.csv", "figures/survival.svg"):  # of an earlier version
        (tmp_path / former).touch()
    write_report(directories["single"], tmp_path, ())
    left = {p.name for p in tables.iterdir()}
    assert "mine.csv" in left
    gone = {"logrank.csv", "comparisons.csv", "figure_interaction.csv", "figure_head_to_head_means.csv"}
    assert not (gone | {"figure_survival.csv"}) & left
    assert not (tmp_path / "figures" / "survival.svg").exists()


def test_every_number_drawn_is_in_a_table(depth: Report) -> None:
    """The single runs and the two sides of the head-to-head too; conditions are named, not only numbered."""
    tables = {p.stem: pd.read_csv(p) for p in (depth.out / "tables").iterdir()}
    curves = depth.findings.curves
    singles = tables["figure_convergence_runs"]
    assert len(singles) == len(curves)
    assert singles["test_accuracy"].tolist() == pytest.approx(curves["test_accuracy"].tolist())
    assert {"seconds", "iterations", "train_loss"} <= set(singles)
    assert set(tables["figure_head_to_head_means"]["configuration"]) == {
        "10 blocks, batch norm",
        "10 blocks, no batch norm",
    }
    assert tables["figure_head_to_head"][["a", "b"]].drop_duplicates().to_numpy().tolist() == [
        ["10 blocks, batch norm", "10 blocks, no batch norm"]
    ]
    assert tables["figure_interaction"]["num_blocks"].tolist() == [1, 3, 5, 10, 20]
    for name, table in tables.items():
        if "condition" in table:
            names = table["configuration"].tolist()
            assert names == [depth.findings.label(n) for n in table["condition"]], name


def test_other_measures_carry_no_verdict(depth: Report) -> None:
    table = pd.read_csv(depth.out / "tables" / "other_measures.csv")
    assert not {"verdict", "check", "more"} & set(table)
    assert "p_adjusted" in table


@pytest.mark.parametrize("name", ["single", "one_seed", "killed", "search", "epochs", "validated", "format_1"])
def test_report_of_every_kind_of_study(directories: dict[str, Path], tmp_path: Path, name: str) -> None:
    report = write_report(directories[name], tmp_path, ("svg",))
    assert report.said.answer.sentence
    assert printed(report)
    page = (tmp_path / "report.html").read_text()
    shown = re.sub(r'src="data:[^"]*"', "", page.split("<main>")[1].split('id="settings"')[0])
    assert not re.search(r"\bnan\b|\bNone\b|\binf\b", re.sub(r"<[^>]+>", " ", shown), re.IGNORECASE)
    for drawn in report.drawn:
        assert f'id="figure-{drawn.entry.name}"' in page


@pytest.mark.parametrize(
    ("missing", "name", "conditions"),
    [
        ("study.yaml", "corners", 4),
        ("provenance.json", "single", 1),
        ("trials.parquet", "single", 1),
        ("curves.parquet", "single", 1),
        ("records", "single", 1),
    ],
)
def test_report_without_a_part_says_what_is_missing(
    directories: dict[str, Path], tmp_path: Path, missing: str, name: str, conditions: int
) -> None:
    directory = Path(shutil.copytree(directories[name], tmp_path / "copy"))
    part = directory / missing
    shutil.rmtree(part) if part.is_dir() else part.unlink()
    report = write_report(directory, formats=("svg",))
    assert len(report.summary) == conditions
    said = any(missing in warning for warning in report.warnings)
    assert said != (missing == "curves.parquet")


def test_report_of_a_study_that_has_not_begun(tmp_path: Path) -> None:
    study = Simulation(stopped={0: 0}, ended=False)
    report = write_report(simulate(tmp_path, study, curves_too=False), formats=("svg",))
    assert report.drawn == ()
    assert "nothing to judge" in report.said.answer.sentence
    assert printed(report)


@pytest.mark.parametrize(
    ("needed", "said"),
    [
        ((1.0, 1.0, 15.0), "1 to 15"),
        ((15.0, 59.0, 302.0), "15 to more than 200"),
        ((REALISTIC_SEEDS + 1.0, 500.0, 900.0), "no realistic number"),
        ((math.nan, math.nan, math.nan), "–"),
    ],
)
def test_more_seeds_are_a_range(needed: tuple[float, float, float], said: str) -> None:
    assert _more(*needed).text == said


def test_unknown_format_and_unwritable_place(directories: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="unknown format 'gif': choose from svg, png, pdf"):
        write_report(directories["single"], tmp_path, ("svg", "gif"))
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match="cannot write the report there"):
        write_report(directories["single"], tmp_path / "file")


def test_diverged_runs_are_counted_in_the_terminal_and_in_markdown(
    directories: dict[str, Path], depth: Report, tmp_path: Path
) -> None:
    report = write_report(directories["learning_rate"], tmp_path, ())
    (row,) = [line.split() for line in printed(report).splitlines() if re.match(r" 1 +5 ", line)]
    assert row[:3] == ["1", "5", "5"]
    assert "| Configuration | n | Diverged |" in (tmp_path / "summary.md").read_text()
    assert "| lr 1 | 5 | 5 |" in (tmp_path / "summary.md").read_text()
    assert "Diverged" not in printed(depth)


def test_one_configuration_is_not_told_axis_by_axis_in_the_terminal(
    directories: dict[str, Path], tmp_path: Path
) -> None:
    (heads,) = [
        line.split()
        for line in printed(write_report(directories["single"], tmp_path, ()), 80).splitlines()
        if "Test (%)" in line
    ]
    assert heads[:5] == ["n", "Train", "(%)", "Test", "(%)"]


def test_a_column_of_the_summary_that_says_nothing_is_left_out() -> None:
    rows = pd.DataFrame({"configuration": ["a", "b"], "n": [3, 3], "runs": [3, 3], "diverged": [0, 0]})
    assert _order("summary", rows) == ["configuration", "n"]
    assert _order("summary", rows.assign(runs=[3, 5], diverged=[0, 1])) == ["configuration", "n", "runs", "diverged"]


def test_what_a_search_trained_to_its_end_stands_first(findings: dict[str, Findings]) -> None:
    for name, ended in (("search", [True] * 10 + [False] * 30), ("depth", [True] * 10)):
        found = findings[name]
        rows = _best_first(found, tables.summary(found, tables.time_table(found)))
        assert (rows["n"] > 0).tolist() == ended
        if name == "search":
            assert rows["validation_accuracy_mean"].head(10).is_monotonic_decreasing


def test_figures_left_out_for_one_reason_are_said_once(depth: Report) -> None:
    page = (depth.out / "report.html").read_text()
    assert page.count("the study is a grid, not a search") == 1
    assert "Search history, Search: slices, " in page


def test_links_to_the_numbers_of_a_figure_lead_to_files(depth: Report) -> None:
    page = (depth.out / "report.html").read_text()
    links = re.findall(r'href="(tables/[^"]+)"', page)
    assert len(links) == len(depth.drawn)
    assert all((depth.out / link).is_file() for link in links)


def test_a_search_shows_what_it_selected_by_and_no_column_is_cut(tmp_path: Path) -> None:
    study = search(6, stopped={}, diverges=lambda c, seed: seed == 0 and c["lr"] > 0.01)
    said = printed(write_report(simulate(tmp_path / "results", study), formats=()), width=80)
    heads = next(line for line in said.splitlines() if "Test (%)" in line)
    assert "Validation (%)" in heads
    assert "…" not in said
    assert "Train (%), Time (s): in the report, or in a wider terminal" in " ".join(said.split())


def test_a_path_with_brackets_is_printed_as_it_is(directories: dict[str, Path], tmp_path: Path) -> None:
    for name in ("[lr]", "a[/b]"):
        report = write_report(directories["single"], tmp_path / name, ())
        assert f"Report: {tmp_path / name / 'report.html'}" in printed(report, width=300)


def test_a_figure_that_raises_does_not_cost_the_verdict(
    directories: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(shown: object) -> Figure:
        raise ZeroDivisionError("division by zero\nand more")

    entries = {entry.name: entry for entry in CATALOGUE}
    broken = replace(entries["final_accuracy"], draw=breaks)
    monkeypatch.setattr("analysis.report.CATALOGUE", (entries["convergence"], broken))
    monkeypatch.setattr("analysis.report.failed", FAILED)
    report = write_report(directories["single"], tmp_path, ("svg",))
    assert [drawn.entry.name for drawn in report.drawn] == ["convergence"]
    assert report.left_out == (
        ("Final accuracy", "it could not be drawn (ZeroDivisionError: division by zero); please report this"),
    )
    assert report.said.answer.sentence


def test_every_run_is_in_one_table_with_its_state(directories: dict[str, Path], tmp_path: Path) -> None:
    write_report(directories["epochs"], tmp_path, ())
    runs = pd.read_csv(tmp_path / "tables" / "runs.csv", dtype={"trial_id": str})
    assert runs.groupby("trial_id")["derived"].agg(["all", "size"]).values.tolist() == [
        [True, 5],
        [True, 5],
        [False, 5],
    ]
    assert set(runs["state"]) == {"derived", "completed"}
    assert runs["test_accuracy"].notna().all()
    assert {"pack", "host", "error", "started", "seconds"} <= set(runs)
    comparisons = pd.read_csv(tmp_path / "tables" / "comparisons.csv")
    assert comparisons["method"].unique().tolist() == ["paired"]


def test_a_censored_time_sorts_behind_a_smaller_one() -> None:
    cells = [_time(text) for text in ("2", "> 15", "15", None)]
    assert [cell.sort for cell in cells] == ["2", "15.5", "15", ""]


def test_a_diverged_run_leaves_no_mean_loss(directories: dict[str, Path], tmp_path: Path) -> None:
    write_report(directories["learning_rate"], tmp_path, ())
    summary = pd.read_csv(tmp_path / "tables" / "summary.csv").set_index("lr")
    assert summary["train_loss_mean"].isna().tolist() == [False] * 5 + [True] * 2
    assert summary["test_accuracy_mean"].notna().all()


def test_the_terminal_tells_a_confirmation_from_what_it_confirms(tmp_path: Path) -> None:
    study = search(4, stopped={}, confirmed=(1,), compare={"baseline": {"lr": 0.01}})
    said = printed(write_report(simulate(tmp_path / "results", study), formats=()), width=160)
    assert "fresh seeds confirm" in said
    assert said.startswith("The search chose ")


def test_a_slip_in_study_yaml_is_an_error(directories: dict[str, Path], tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(directories["single"], copy)
    file = copy / "study.yaml"
    file.write_text(file.read_text().replace("meaningful_difference", "meaningful_differenc"))
    with pytest.raises(ReportError, match=r"compare.meaningful_differenc is not a setting \(did you mean"):
        write_report(copy)
    assert not (copy / "report").exists()
