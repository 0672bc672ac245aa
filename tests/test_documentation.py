"""What the documentation shows can be run: commands are parsed, space files read, links followed, Python executed."""

import re
import shlex
from pathlib import Path

import pytest
from ray.scripts.scripts import cli

from study.run import parser
from study.space import load_study

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Programs of others, whose options are not ours to check.
OTHERS = {"pip", "tensorboard", "mlflow", "wandb", ".", "sha256sum"}


def blocks(language: str) -> list[tuple[Path, str]]:
    return [(page, text) for page in PAGES for found, text in BLOCK.findall(page.read_text()) if found == language]


def commands() -> list[list[str]]:
    """Every line of a shell block, without comments and variables of its environment."""
    found = []
    for _, text in blocks("sh"):
        for line in text.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                words.pop(0)
            if words:
                found.append(words)
    return found


def space_files(folder: Path) -> None:
    """The space files that the documentation shows, under their names."""
    for _, text in blocks("yaml"):
        if name := re.search(r"^name: (\w+)", text, re.MULTILINE):
            (folder / f"{name[1]}.yaml").write_text(text)


def check_study(words: list[str], folder: Path) -> None:
    options = parser().parse_args(words)
    there = ROOT / options.space
    load_study(there if there.exists() else folder / options.space, options.set)


def check_make(words: list[str]) -> None:
    makefile = (ROOT / "Makefile").read_text()
    for word in words:
        name, equals, _ = word.partition("=")
        assert re.search(rf"^{name} *\?=|\$\({name}\)" if equals else rf"^{name}:", makefile, re.MULTILINE), word


def check_ray(words: list[str]) -> None:
    options = {name for parameter in cli.commands[words[0]].params for name in parameter.opts}
    assert {word.partition("=")[0] for word in words[1:] if word.startswith("-")} <= options


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_a_command_that_is_shown_is_one(words: list[str], tmp_path: Path) -> None:
    space_files(tmp_path)
    if words[0] == "make":
        check_make(words[1:])
    elif words[0] == "ray":
        check_ray(words[1:])
    elif words[:2] == ["python", "-m"] and words[2] in ("study", "study.run"):
        check_study(words[3:], tmp_path)
    elif words[:2] == ["python", "-m"]:
        assert (ROOT / words[2].replace(".", "/")).with_suffix(".py").exists() or (ROOT / words[2]).is_dir(), words
    else:
        assert words[0] in OTHERS, words


def test_commands_and_space_files_are_found() -> None:
    assert len(commands()) > 10
    assert len(blocks("yaml")) > 0


@pytest.mark.parametrize(("page", "text"), blocks("yaml"), ids=lambda value: getattr(value, "name", ""))
def test_a_space_file_that_is_shown_is_one(page: Path, text: str, tmp_path: Path) -> None:
    if not re.search(r"^name: ", text, re.MULTILINE):
        pytest.skip("a part of a space file")
    file = tmp_path / "shown.yaml"
    file.write_text(text)
    load_study(file)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" not in target:
            file, _, anchor = target.partition("#")
            there = page.parent / file if file else page
            assert there.exists(), target
            if anchor:
                heads = re.findall(r"^#+ (.*)$", there.read_text(), re.MULTILINE)
                assert anchor in {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}, target


def test_python_that_is_shown_runs_on_results() -> None:
    shown = [text for page, text in blocks("python") if page.name == "notebook-api.md"]
    assert len(shown) == 4
    names: dict[str, object] = {}
    for text in shown[:3]:
        there = text.replace("results/depth", str(ROOT / "tests/data/format1"))
        exec(there.replace('{"num_blocks": 10, "batch_norm": True}', '{"num_blocks": 1}'), names)
    for _, text in blocks("python"):
        compile(text, "shown", "exec")
