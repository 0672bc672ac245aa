import io
from pathlib import Path

from matplotlib.image import imread

from analysis import style
from analysis.latex import escaped, tabular
from analysis.report import write_report


def test_what_latex_reads_as_its_own_is_made_plain() -> None:
    assert escaped("50 % & a_b") == r"50 \% \& a\_b"
    assert escaped("−1 ± 2") == r"$-$1 $\pm$ 2"


def test_a_table_has_a_head_and_a_row_a_line() -> None:
    lines = tabular([["a", "n"], ["x", "5"], ["y", "6"]]).splitlines()
    assert lines[0] == r"\begin{tabular}{lr}"
    assert lines[2] == r"a & n \\"
    assert lines[4:6] == [r"x & 5 \\", r"y & 6 \\"]


def test_a_report_for_a_paper(directories: dict[str, Path], tmp_path: Path) -> None:
    """Figures without words around them, in the width of a column; tables as LaTeX; the page as ever."""
    report = write_report(directories["corners"], tmp_path, ("png",), look="paper")
    picture = imread(io.BytesIO((tmp_path / "figures" / "forest.png").read_bytes()))
    assert picture.shape[1] in {round(style.PAPER_DPI * inches) for inches in style.COLUMNS}
    text = (tmp_path / "tables" / "comparisons.tex").read_text()
    assert text.count(r" \\") == 1 + len(report.findings.judged)
    assert "worse by more than 1 point" in text
    assert r"$\pm$" in (tmp_path / "tables" / "summary.tex").read_text()
    page = (tmp_path / "report.html").read_text()
    assert page.count("data:image/svg+xml") == len(report.drawn)
    write_report(directories["corners"], tmp_path, ("png",))
    assert not (tmp_path / "tables" / "comparisons.tex").exists()
