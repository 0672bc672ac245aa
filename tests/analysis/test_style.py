import matplotlib as mpl
import numpy as np
import pytest

from analysis import style
from analysis.figures import convergence, final_accuracy
from analysis.findings import Findings


@pytest.mark.parametrize("kind", style.FORMATS)
def test_the_same_results_give_the_same_bytes(findings: dict[str, Findings], kind: str) -> None:
    with style.theme():
        files = {style.render(final_accuracy.draw(final_accuracy.info(findings["depth"])), kind) for _ in range(2)}
    assert len(files) == 1
    assert b"2026-11" not in files.pop().replace(b"2026-11-24", b"")


def test_the_theme_leaves_matplotlib_as_it_was(findings: dict[str, Findings]) -> None:
    before = dict(mpl.rcParams)
    with style.theme():
        convergence.draw(convergence.info(findings["single"]))
    assert dict(mpl.rcParams) == before


def test_nothing_is_left_in_pyplot(findings: dict[str, Findings]) -> None:
    import matplotlib.pyplot as plt

    with style.theme():
        convergence.draw(convergence.info(findings["single"]))
    assert plt.get_fignums() == []


def test_levels_differ_in_colour_and_marker() -> None:
    found = style.looks("batch_norm", [False, True])
    assert found[False].color != found[True].color
    assert found[False].marker != found[True].marker
    many = style.looks("lr", list(range(7)))
    assert len({tuple(np.round(look.color, 3)) for look in many.values()}) == 7


def test_eight_lines_have_eight_colours() -> None:
    assert len({look.color for look in style.looks(None, list("abcdefgh")).values()}) == 8


def test_text_fits_the_figure(findings: dict[str, Findings]) -> None:
    """Every label, tick and legend of every figure lies within the canvas."""
    from analysis.figures.catalogue import CATALOGUE
    from analysis.figures.common import NoDataError

    for name in ("depth", "corners", "single", "learning_rate", "search"):
        for entry in CATALOGUE:
            try:
                shown = entry.info(findings[name])
            except NoDataError:
                continue
            with style.theme():
                figure = entry.draw(shown)
                style.render(figure, "png", dpi=100)
                box = figure.get_tightbbox()
            size = figure.get_size_inches()
            assert box.x0 > -0.02, (name, entry.name)
            assert box.y0 > -0.02, (name, entry.name)
            assert box.x1 < size[0] + 0.02, (name, entry.name)
            assert box.y1 < size[1] + 0.02, (name, entry.name)
