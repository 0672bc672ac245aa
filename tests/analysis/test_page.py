"""report.html in a real browser, offline."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from analysis.report import write_report
from tests.analysis.browser import Browser, browser, missing

STUDIES = ("depth", "corners", "search", "killed")
WIDTHS = ((1280, False), (390, True))
pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())


@pytest.fixture(scope="module")
def pages(directories: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("pages")
    for name in STUDIES:
        write_report(directories[name], root / name, ("svg",))
    return {name: root / name / "report.html" for name in STUDIES}


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as page:
        page.cdp("Network.emulateNetworkConditions", {
            "offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0,
        })  # fmt: skip
        yield page


@pytest.mark.parametrize("name", STUDIES)
def test_loads_offline_without_error_or_request(pages: dict[str, Path], window: Browser, name: str) -> None:
    window.log("browser")
    window.requests()
    window.open(pages[name])
    assert [entry["message"] for entry in window.log("browser")] == []
    asked = [url for url in window.requests() if not url.startswith("data:")]
    assert asked == [pages[name].as_uri()]


@pytest.mark.parametrize("name", STUDIES)
def test_every_image_is_there(pages: dict[str, Path], window: Browser, name: str) -> None:
    window.open(pages[name])
    images = window.run("return [...document.images].map(i => [i.complete, i.naturalWidth, i.alt.length])")
    assert len(images) == len(list((pages[name].parent / "figures").iterdir()))
    assert all(complete and width > 100 and alt > 10 for complete, width, alt in images)


@pytest.mark.parametrize(("width", "mobile"), WIDTHS)
@pytest.mark.parametrize("name", STUDIES)
def test_nothing_overflows(pages: dict[str, Path], window: Browser, name: str, width: int, mobile: bool) -> None:
    window.size(width, 900, mobile)
    window.open(pages[name])
    found = window.run("""
        const page = document.documentElement;
        const wide = [...document.body.querySelectorAll("*")].filter(e =>
          !e.closest(".scroll, pre") && e.getBoundingClientRect().right > page.clientWidth + 1);
        return [page.scrollWidth - page.clientWidth, wide.map(e => e.outerHTML.slice(0, 80))];
    """)
    assert found == [0, []]
    assert window.run("return innerWidth") == width


def test_columns_sort_by_number_and_by_name(pages: dict[str, Path], window: Browser) -> None:
    window.size(1280, 900)
    window.open(pages["killed"])
    script = """
        const table = document.querySelector("#table-summary ~ .scroll table");
        const heads = [...table.tHead.rows[0].cells];
        const column = heads.findIndex(h => h.textContent.trim() === arguments_name);
        heads[column].querySelector("button").click();
        return [heads[column].ariaSort, [...table.tBodies[0].rows].map(r => r.cells[column].textContent)];
    """

    def clicked(name: str) -> tuple[str, list[str]]:
        state, cells = window.run(script.replace("arguments_name", repr(name)))
        return state, cells

    state, cells = clicked("test accuracy (%)")
    means = [float(c.split(" ")[0]) for c in cells if c != "–"]
    assert state == "ascending"
    assert means == sorted(means)
    assert cells[len(means) :] == ["–"] * 3, "missing values stay last"
    state, cells = clicked("test accuracy (%)")
    means = [float(c.split(" ")[0]) for c in cells if c != "–"]
    assert state == "descending"
    assert means == sorted(means, reverse=True)
    _, names = clicked("configuration")
    assert [int(re.findall(r"\d+", name)[0]) for name in names] == [1, 1, 3, 3, 5, 5, 10, 10, 20, 20]


def test_the_question_and_the_verdict_come_first(pages: dict[str, Path], window: Browser) -> None:
    window.open(pages["corners"])
    text = window.run("return document.body.innerText")
    order = ["How do accuracy", "Verdict", "Declared: residual against conv", "Figures", "Tables"]
    places = [text.index(part) for part in order if part not in ("Figures", "Tables")]
    assert places == sorted(places)
    heads = window.run("return [...document.querySelectorAll('h2')].map(h => h.textContent)")
    assert heads[:3] == ["Verdict", "Figures", "Tables"]


def test_a_figure_s_title_is_read_once(pages: dict[str, Path], window: Browser) -> None:
    """The picture carries it; the heading beside it is for screen readers and takes no room."""
    window.size(1280, 900)
    window.open(pages["depth"])
    found = window.run("""
        return [...document.querySelectorAll("figure")].map(f => {
          const box = f.querySelector("h3").getBoundingClientRect();
          return [f.querySelector("h3").textContent.length > 3, box.width * box.height];
        });
    """)
    assert len(found) > 8
    assert all(named and area <= 1 for named, area in found)


def test_words_of_strangers_cannot_become_markup(directories: dict[str, Path], tmp_path: Path, window: Browser) -> None:
    directory = Path(shutil.copytree(directories["single"], tmp_path / "copy"))
    lines = (directory / "study.yaml").read_text().splitlines()
    kept = [line for line in lines if not line.startswith("question:")]
    kept.append("question: '<script>document.title = 1</script>'")
    (directory / "study.yaml").write_text("\n".join(kept))
    write_report(directory, tmp_path / "out", ("svg",))
    window.open(tmp_path / "out" / "report.html")
    assert "<script>document.title = 1</script>" in window.run("return document.body.innerText")
    assert window.run("return document.title") != "1"


def test_printed_tables_fit_the_paper(pages: dict[str, Path], window: Browser) -> None:
    """A4 landscape less its margins is 27.3 cm wide: 1031 CSS pixels."""
    window.size(1031, 900)
    window.cdp("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        window.open(pages["depth"])
        widths = window.run(
            "return [...document.querySelectorAll('table, img')].map(e => e.getBoundingClientRect().right)"
        )
    finally:
        window.cdp("Emulation.setEmulatedMedia", {"media": ""})
    assert len(widths) > 10
    assert max(widths) <= 1031
