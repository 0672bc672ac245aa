"""Seeds in stages, for real: added while a comparison is undecided, written down look by look."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.study.commands import run, write_space

# Two learning rates that hardly differ, and one that trains nothing: decided at the first look.
STAGES = """\
name: small
question: Does the learning rate matter?
data: digits
space:
  num_blocks: 0
  lr: {grid: [0.1, 0.105, 0.000001]}
  epochs: 2
seeds: {start: 3, most: 6}
compare: {across: lr, baseline: {lr: 0.1}, meaningful_difference: 0.5}
"""


def plan(results: Path, event: str) -> list[dict[str, Any]]:
    lines = [json.loads(text) for text in (results / "plan.jsonl").read_text().splitlines()]
    return [line for line in lines if line["event"] == event]


@pytest.mark.slow
def test_seeds_are_added_where_a_comparison_is_undecided_and_nowhere_else(tmp_path):
    space, results = write_space(tmp_path, STAGES), tmp_path / "results" / "small"
    done = run(space)
    assert done.returncode == 0, done.stdout + done.stderr
    looks = plan(results, "look")
    assert [look["look"] for look in looks] == list(range(1, len(looks) + 1))
    assert looks[0]["seeds"] == {"0000": 3, "0001": 3, "0002": 3}
    assert len(looks) >= 2
    last = looks[-1]["seeds"]
    assert 3 < last["0001"] <= 6
    assert last["0002"] < last["0001"]  # what trains nothing is surely worse after a few
    again = run(space, "--resume", "--no-report")
    assert (again.returncode, "nothing to train" in again.stdout) == (0, True), again.stdout + again.stderr
    assert len(plan(results, "look")) == len(looks)
    # With another question only the session itself can look whether more seeds are wanted.
    asked = run(space, "--resume", "--set", "question=Does it?", "--no-report")
    assert "small on digits: nothing to train, all " in asked.stdout
    assert " runs have ended\n" in asked.stdout
    assert "0 packs" not in asked.stdout
    # A larger `most` is one more look, which was not planned.
    more = run(space, "--extend", "--set", "seeds.most=8", "--no-report")
    assert more.returncode == 0, more.stdout + more.stderr
    assert len(plan(results, "look")) > len(looks)
    assert plan(results, "look")[-1]["seeds"]["0002"] == last["0002"]
