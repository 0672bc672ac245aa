import pytest

from study.contract.axes import Configuration
from study.terminal.phrasing import as_yaml, byte_size, counted, describe, distinguish, duration, ranges, seeds_in_words


@pytest.mark.parametrize(
    ("number", "thing", "said"),
    [
        (1, "run", "1 run"),
        (0, "run", "0 runs"),
        (1_275_000, "run", "1,275,000 runs"),
        (1.0, "CPU", "1 CPU"),
        (0.5, "GPU", "0.5 GPUs"),
    ],
)
def test_so_many_of_a_thing(number, thing, said):
    assert counted(number, thing) == said


@pytest.mark.parametrize(
    ("axes", "words"),
    [
        ({}, "10 residual blocks, no batch norm, lr 0.01, 25 epochs"),
        ({"num_blocks": 1, "block": "conv", "epochs": 1}, "1 conv block, no batch norm, lr 0.01, 1 epoch"),
        ({"lr": 0.010001, "momentum": 0.9}, "10 residual blocks, no batch norm, lr 0.010001, 25 epochs, momentum 0.9"),
    ],
)
def test_a_configuration_in_words(axes, words):
    assert describe(Configuration.of(axes)) == words


@pytest.mark.parametrize(
    ("numbers", "said"), [([], ""), ([3], "3"), ([0, 1, 2], "0-2"), ([7, 0, 1, 4], "0-1, 4, 7"), ([5, 4], "4-5")]
)
def test_ranges_of_numbers(numbers, said):
    assert ranges(numbers) == said


def test_seeds_are_one_or_several():
    assert [seeds_in_words(iter(seeds)) for seeds in ([3], [0, 1, 2, 7])] == ["seed 3", "seeds 0-2, 7"]


def test_what_tells_a_configuration_from_others():
    configuration = Configuration(num_blocks=3, lr=0.12345)
    assert distinguish(configuration, {"num_blocks": None, "lr": 3}) == "3 blocks, lr 0.123"
    assert distinguish(configuration, {}) == describe(configuration)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, "1 s"),
        (89, "89 s"),
        (91, "2 min"),
        (3599, "1 h"),
        (7800, "2 h 10 min"),
        (49 * 3600, "2 days 1 h"),
        (72 * 3600, "3 days"),
    ],
)
def test_a_time_in_words(seconds, said):
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("count", "said"), [(12, "12 B"), (2048, "2.0 KiB"), (6_500_000, "6.2 MiB"), (5 * 2**40, "5.0 TiB")]
)
def test_bytes_in_words(count, said):
    assert byte_size(count) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "null"),
        (True, "true"),
        (1e-3, "0.001"),
        ("asha", "asha"),
        ({"grid": (25, 51), "more": {"a": False}}, "{grid: [25, 51], more: {a: false}}"),
    ],
)
def test_a_setting_as_a_space_file_has_it(value, said):
    assert as_yaml(value) == said
