"""YAML 1.2 with places."""

import pytest

from study.space.yaml import UNREAD, Document, Place, dotted, read_yaml, write_yaml


def read(text: str) -> Document:
    return read_yaml(text, lambda line, column: Place(0, line, column, f"{line}:{column}"))


def test_scalars_are_those_of_yaml_1_2() -> None:
    text = "[1e-3, on, yes, 2026-11-24, 0o17, 0x10, ~, null, True, .inf, 1:30, '1', 1.5, 10]"
    document = read(text)
    expected = [0.001, "on", "yes", "2026-11-24", 15, 16, None, None, True, float("inf"), "1:30", "1", 1.5, 10]
    assert document.value == expected
    assert [type(value) for value in document.value] == [type(value) for value in expected]


def test_every_key_and_value_has_its_place() -> None:
    document = read("a:\n  b: [1, {c: 2}]\n'd' :\n")
    assert document.value == {"a": {"b": [1, {"c": 2}]}, "d": None}
    values = {dotted(path): place.text for path, place in document.values.items()}
    keys = {dotted(path): place.text for path, place in document.keys.items()}
    # An empty value has no place but its key's.
    assert values == {
        "": "1:1",
        "a": "2:3",
        "a.b": "2:6",
        "a.b[0]": "2:7",
        "a.b[1]": "2:10",
        "a.b[1].c": "2:14",
        "d": "3:1",
    }
    assert keys == {"a": "1:1", "a.b": "2:3", "a.b[1].c": "2:11", "d": "3:1"}
    assert document.place_of(("a", "x")).text == "1:1"
    assert document.place_of(("x",)).text == "1:1"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\na: 2\nb: {c: 1, c: 2}", ["2:1: a: the key stands twice; first at line 1, column 1",
                                       "3:11: b.c: the key stands twice; first at line 3, column 5"]),
        ("1: a\ntrue: b\n~: c\n2.5: d", ["1:1: a key should be text, not 1", "2:1: a key should be text, not true",
                                      "3:1: a key should be text, not ~", "4:1: a key should be text, not 2.5"]),
        ("a: {? [b] : 1}", ["1:7: a: a key should be text, not a list or a mapping"]),
        ("a: &x 1\nb: *x", ["1:4: anchors (&) and aliases (*) are not supported; write the value out",
                          "2:4: anchors (&) and aliases (*) are not supported; write the value out"]),
        ("a: &x [*x]", ["1:4: anchors (&) and aliases (*) are not supported; write the value out",
                       "1:8: anchors (&) and aliases (*) are not supported; write the value out"]),
        ("a: *x", ["1:4: anchors (&) and aliases (*) are not supported; write the value out"]),
        ("a: {<<: {b: 1}}", ["1:5: a: merge keys (<<) are not supported; write the keys out"]),
        ("a: !foo 1\nb: !!python/name:os.system x", ["1:4: a: !foo is not supported here",
                                                   "2:4: b: !!python/name:os.system is not supported here"]),
        ("a: !!omap [b: 1]", ["1:4: a: !!omap is not supported here"]),
        ("a: !!int x", ["1:4: a: x cannot be read as !!int"]),
        (f"a: {'9' * 5000}", [f"1:4: a: {'9' * 20}... cannot be read as !!int"]),
        ("a:\n\t- 1", ["2:1: is not valid YAML: while scanning for the next token, found character '\\t' that cannot "
                      "start any token (indent with spaces, not tabs)"]),
        ("a: 'b", ["1:6: is not valid YAML: while scanning a quoted scalar, found unexpected end of stream"]),
        ("a: 1\n---\nb: 2", ["2:1: is not valid YAML: expected a single document in the stream, but found another "
                            "document"]),
        ("a: 1\nb: \x07", ["2:4: the character '\\x07' is not allowed"]),
    ],
)  # fmt: skip
def test_problems_have_places(text: str, expected: list[str]) -> None:
    assert [str(problem) for problem in read(text).problems] == expected


@pytest.mark.parametrize(
    ("text", "place"),
    [("[" * 9999, "1:21"), ("{a: " * 9999, "1:81"), ("- " * 9999, "1:41"), ("a: " + "[" * 9999, "1:23")],
)
def test_nesting_without_end_is_refused(text: str, place: str) -> None:
    assert [str(problem) for problem in read(text).problems] == [f"{place}: is nested too deeply"]


def test_many_lists_are_not_deep() -> None:
    assert read(f"[{'[[1]], ' * 50}]").value == [[[1]]] * 50


def test_what_can_be_read_is_kept_beside_a_problem() -> None:
    document = read("a: 1\na: 2\nb: !foo 1\nc: 3")
    assert document.value == {"a": 1, "b": UNREAD, "c": 3}
    assert len(document.problems) == 2


def test_a_message_is_one_line_whatever_the_key() -> None:
    assert dotted(("a\nb", 0, "c")) == "'a\\nb'[0].c"
    problem = read('"a\\nb": !x 1').problems[0]
    assert str(problem) == "1:9: 'a\\nb': !x is not supported here"


@pytest.mark.parametrize(
    "value",
    [
        *(0.01, 1e-3, 1e-5, 1.0, 123456789.125, 1e22, 0.1 + 0.2, 5e-324, 10**12, True, None),
        *("", "on", "null", "1", "1e-3", "2026-11-24", "a: b # c", "- x", "two\nlines", "!a", "&a", "%", "'\"", "\x07"),
        *("ümläut 🙂", "x" * 300, " padded "),
        *([], [1, 2]),
    ],
)
def test_what_is_written_reads_back(value: object) -> None:
    values = {"a": value, "b": {"c": value, "d": {"e": [value]}}}
    document = read(write_yaml(values))
    assert document.problems == []
    assert document.value == values
    assert type(document.value["a"]) is type(value)


def test_numbers_stay_readable() -> None:
    assert write_yaml({"lr": 0.01, "space": {"lr": {"grid": [0.001, 1.0]}, "n": None}}) == (
        "lr: 0.01\nspace:\n  lr: {grid: [0.001, 1.0]}\n  n: null\n"
    )
