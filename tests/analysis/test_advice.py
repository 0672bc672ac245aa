import shlex
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis.advice import command_for
from analysis.results import Results
from study.space.file import load_study

NOTHING = pd.DataFrame()


def results(command: Any, seeds: Any) -> Results:
    provenance = {"sessions": [{"command": "python older"}, {"command": command}]}
    return Results(Path("my results/[a]"), NOTHING, NOTHING, NOTHING, {"seeds": seeds}, provenance, [])


@pytest.mark.parametrize(
    ("command", "seeds", "expected"),
    [
        ("python -m study.run --space a.yaml", 5, "python -m study.run --space a.yaml --extend --set seeds=12"),
        ("p --space a.yaml --resume --set seeds=3", 3, "p --space a.yaml --extend --set seeds=12"),
        ("p --set=seeds=3 --extend --set space.lr=0.1", 3, "p --set space.lr=0.1 --extend --set seeds=12"),
        ("p --results 'a/../my results/[a]'", 3, "p --results 'a/../my results/[a]' --extend --set seeds=12"),
        ("p --results elsewhere", 3, "p --results 'my results/[a]' --extend --set seeds=12"),
        ("p --results=elsewhere", 3, "p '--results=my results/[a]' --extend --set seeds=12"),
        ("p --results s3://bucket/a", 3, "p --results s3://bucket/a --extend --set seeds=12"),
        ("p", [0, 1, 2], "p --extend --set seeds=12"),
        (
            "p --set 'seeds={start: 3, most: 5}'",
            {"start": 3, "most": 5},
            "p --extend --set 'seeds={start: 3, most: 12}'",
        ),
    ],
)
def test_the_last_command_goes_on_with_more_seeds(command: str, seeds: Any, expected: str) -> None:
    assert command_for(results(command, seeds), 12) == expected


def test_of_a_search_the_confirmed_get_the_seeds() -> None:
    given = results("p --set seeds=1 --set confirm.seeds=4", 1)
    given.study["confirm"] = {"top": 2, "seeds": 4}
    assert command_for(given, 12) == "p --set seeds=1 --extend --set confirm.seeds=12"


def test_a_list_of_seeds_keeps_its_own_and_gets_further_ones() -> None:
    assert command_for(results("p", [3, 1]), 5) == "p --extend --set 'seeds=[3, 1, 0, 2, 4]'"


@pytest.mark.parametrize(("command", "seeds"), [(None, 5), ("it's torn", 5), ("p", None), ("p", True)])
def test_no_command_where_none_can_be_right(command: Any, seeds: Any) -> None:
    assert command_for(results(command, seeds), 12) is None


@pytest.mark.parametrize(
    "before", ["", " --set 'seeds={start: 5, most: 12}'", " --set seeds.start=5 --set seeds.most=12"]
)
def test_a_staged_study_keeps_its_start(before: str) -> None:
    command = command_for(results(f"p --space a{before} --set space.lr=0.1", {"start": 5, "most": 12}), 93)
    assert command is not None
    overrides = [value for option, value in pairwise(shlex.split(command)) if option == "--set"]
    study = load_study(Path("search_spaces/depth.yaml"), overrides)
    assert study.model_dump(mode="json")["seeds"] == {"start": 5, "most": 93}
