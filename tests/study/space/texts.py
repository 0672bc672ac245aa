"""Space files as text, for the tests of what they mean and of their rules."""

from pathlib import Path

from study.space import Study, load_study

SEARCH = "search: {algorithm: random, samples: 2}"
STAGES = "name: a\nspace: {lr: {grid: [0.1, 0.2]}}\ncompare: {baseline: {lr: 0.1}}\n"


def load(tmp_path: Path, text: str) -> Study:
    file = tmp_path / "a.yaml"
    file.write_text(text)
    return load_study(file)
