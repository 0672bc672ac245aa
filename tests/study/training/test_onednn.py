import json
import os
from pathlib import Path

import pytest

from study.training import onednn
from study.training.onednn import DEFAULT, VARIABLE, choose_instruction_set, fastest, measure, remembered


@pytest.fixture
def slow_machine(monkeypatch, tmp_path):
    """AVX-512, no kernels, nothing chosen yet; what is measured is made up."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv(VARIABLE, "to be taken back")  # so that monkeypatch undoes what the test sets
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setattr(onednn, "processor", lambda: "flags: avx2 avx512f")
    monkeypatch.setattr(onednn, "_kernels_at_hand", lambda: False)
    measured = []

    def seconds(candidate: str) -> float:
        measured.append(candidate)
        return {DEFAULT: 0.05, "AVX2": 0.04}[candidate]

    monkeypatch.setattr(onednn, "measure", seconds)
    return measured


def test_the_faster_instruction_set_is_set_for_the_trials_and_measured_once(slow_machine, monkeypatch):
    choose_instruction_set()
    assert os.environ[VARIABLE] == "AVX2"
    assert slow_machine == [DEFAULT, "AVX2"]
    monkeypatch.delenv(VARIABLE)
    choose_instruction_set()
    assert os.environ[VARIABLE] == "AVX2"
    assert slow_machine == [DEFAULT, "AVX2"]


def test_without_a_folder_to_remember_it_in_it_is_measured_and_nothing_is_written(slow_machine, monkeypatch):
    def none() -> Path:
        raise OSError("no folder")

    def written(*_: object, **__: object) -> None:
        raise AssertionError("something was written")

    monkeypatch.setattr(onednn, "cache_folder", none)
    for change in ("write_text", "replace", "mkdir"):
        monkeypatch.setattr(Path, change, written)
    choose_instruction_set()
    assert os.environ[VARIABLE] == "AVX2"


def test_what_the_user_has_set_stays(slow_machine, monkeypatch):
    monkeypatch.setenv(VARIABLE, "SSE41")
    choose_instruction_set()
    assert os.environ[VARIABLE] == "SSE41"
    assert not slow_machine


@pytest.mark.parametrize(("attribute", "value"), [("processor", lambda: "avx2"), ("_kernels_at_hand", lambda: True)])
def test_where_it_is_no_question_nothing_is_measured(slow_machine, monkeypatch, attribute, value):
    monkeypatch.setattr(onednn, attribute, value)
    choose_instruction_set()
    assert VARIABLE not in os.environ
    assert not slow_machine


def test_where_a_candidate_cannot_be_measured_none_is_chosen():
    assert fastest((DEFAULT, "AVX2"), {DEFAULT: float("inf"), "AVX2": 1.0}.__getitem__) is None
    assert fastest((DEFAULT, "AVX2"), lambda _: float("inf")) is None


def test_a_measurement_that_failed_is_made_again_next_time(slow_machine, monkeypatch, tmp_path):
    with monkeypatch.context() as busy:
        busy.setattr(onednn, "measure", lambda _: float("inf"))
        choose_instruction_set()
    assert VARIABLE not in os.environ
    assert not list(tmp_path.rglob("onednn.json"))
    choose_instruction_set()
    assert os.environ[VARIABLE] == "AVX2"


@pytest.mark.parametrize("content", ["{", "[]", '{"another machine": "AVX2"}', '{"KEY": 3}'])
def test_a_damaged_memory_is_measured_again(tmp_path, content):
    file = tmp_path / "onednn.json"
    key = f"{onednn.version('torch')} on {onednn.processor()}"
    file.write_text(content.replace("KEY", key))
    assert remembered(file, lambda: "AVX2") == "AVX2"
    assert json.loads(file.read_text())[key] == "AVX2"
    assert remembered(file, lambda: "never") == "AVX2"
    assert [each.name for each in tmp_path.iterdir()] == ["onednn.json"]


def test_a_memory_that_cannot_be_kept_costs_no_more_than_a_measurement(tmp_path):
    (tmp_path / "file").write_text("")
    assert remembered(tmp_path / "file" / "onednn.json", lambda: "AVX2") == "AVX2"


def test_a_real_process_measures_real_steps():
    assert 0 < measure(DEFAULT) < 60
