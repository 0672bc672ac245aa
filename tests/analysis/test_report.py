import io
import shutil
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from analysis.figures.catalogue import CATALOGUE
from analysis.page import _cell
from analysis.report import Report, ReportError, print_summary, write_report
from analysis.statistics.comparison import MOST_SEEDS
from tests.analysis.simulate import Simulation, simulate


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
    for name in ("convergence", "final_accuracy", "forest", "head_to_head", "survival"):
        assert f"{name}.svg" in figures
    tables = {p.stem for p in (depth.out / "tables").iterdir()}
    assert {"summary", "comparisons", "runs", "trials", "figure_convergence"} <= tables
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
    assert "larger than 1 point" in text
    assert str(depth.out / "report.html") in text.replace("\n", "")


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
    assert (tables / "figure_interaction_means.csv").exists()
    write_report(directories["single"], tmp_path, ())
    left = {p.name for p in tables.iterdir()}
    assert "mine.csv" in left
    assert not {"logrank.csv", "comparisons.csv", "figure_interaction.csv", "figure_interaction_means.csv"} & left


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
    assert not {"verdict", "seeds_needed"} & set(table)
    assert "p_adjusted" in table


@pytest.mark.parametrize("name", ["single", "one_seed", "killed", "search", "epochs", "validated"])
def test_report_of_every_kind_of_study(directories: dict[str, Path], tmp_path: Path, name: str) -> None:
    report = write_report(directories[name], tmp_path, ("svg",))
    assert report.verdicts[0].lines
    assert printed(report)
    page = (tmp_path / "report.html").read_text()
    assert "nan" not in page.split("<main>")[1].split('id="figures"')[0].lower().split()
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
    assert "nothing to judge" in str(report.verdicts[0].lines[0])
    assert printed(report)


@pytest.mark.parametrize(
    ("needed", "said"), [(12, "12"), (MOST_SEEDS + 1, "> 1,000"), (MOST_SEEDS + 1.0, "> 1,000"), (None, "–")]
)
def test_more_seeds_than_are_looked_for_are_not_a_number(needed: float | None, said: str) -> None:
    assert _cell("seeds_needed", needed).text == said


def test_unknown_format_and_unwritable_place(directories: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="unknown format 'gif': choose from svg, png, pdf"):
        write_report(directories["single"], tmp_path, ("svg", "gif"))
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match="cannot write the report there"):
        write_report(directories["single"], tmp_path / "file")
