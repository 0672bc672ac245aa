"""pydantic's errors in the words of a space file."""

import difflib
import re
from collections.abc import Collection, Mapping
from typing import Any

from pydantic_core import ErrorDetails

from study.contract.axes import AXES
from study.space.axes import FORMS, in_words
from study.space.sections import (
    AshaScheduler,
    Budget,
    Checkpoint,
    Compare,
    Confirm,
    GridSearch,
    MedianScheduler,
    NoScheduler,
    OptunaSearch,
    PbtScheduler,
    Plateau,
    Question,
    RandomSearch,
    Resources,
    Stop,
)
from study.space.study import Study
from study.space.yaml import Path

# Keys whose section has a form for each value of one of its keys.
SELECTED_BY = {"search": "algorithm", "scheduler": "name"}
_FORMS = {
    "search": {"grid": GridSearch, "random": RandomSearch, "optuna": OptunaSearch},
    "scheduler": {"none": NoScheduler, "asha": AshaScheduler, "median": MedianScheduler, "pbt": PbtScheduler},
}
_KEYS: dict[str, Collection[str]] = {
    "": Study.model_fields,
    "space": AXES,
    "configurations": AXES,
    "resources": Resources.model_fields,
    "compare": Compare.model_fields,
    "compare.baseline": AXES,
    "compare.questions": Question.model_fields,
    "compare.questions.a": AXES,
    "compare.questions.b": AXES,
    "checkpoint": Checkpoint.model_fields,
    "stop": Stop.model_fields,
    "stop.plateau": Plateau.model_fields,
    "confirm": Confirm.model_fields,
    "budget": Budget.model_fields,
    "search.points": AXES,
}
_TEXTS = {
    "missing": "is required",
    "int_type": "should be a whole number, not {given}",
    "float_type": "should be a number, not {given}",
    "bool_type": "should be true or false, not {given}",
    "string_type": "should be text, not {given}",
    "tuple_type": "should be a list, not {given}",
    "model_type": "should hold keys and values, not {given}",
    "dict_type": "should hold keys and values, not {given}",
    "model_attributes_type": "should hold keys and values, not {given}",
    "greater_than": "should be above {gt}, not {given}",
    "greater_than_equal": "should be {ge} or more, not {given}",
    "less_than": "should be below {lt}, not {given}",
    "less_than_equal": "should be {le} or less, not {given}",
    "finite_number": "should be a finite number, not {given}",
    "string_too_short": "should not be empty",
    "string_too_long": "should have at most {max_length} characters",
}


def path_of(error: ErrorDetails) -> Path:
    """The path of the key that an error is about, without the tags that pydantic adds for unions."""
    if error["type"] == "rule":
        return error["loc"]
    path = tuple(part for part in error["loc"] if not (isinstance(part, str) and part.startswith("<")))
    if path[:1] and path[0] in SELECTED_BY:
        path = (path[0], *path[2:])
    if error["type"] in ("union_tag_invalid", "union_tag_not_found"):
        return (*path, SELECTED_BY[str(path[0])])
    # One bound too few is a fault of the list.
    if error["type"] == "missing" and isinstance(path[-1], int):
        return path[:-1]
    return path


def message_of(error: ErrorDetails) -> str:
    """What is wrong, and what would be right."""
    kind, given, context = error["type"], error["input"], error.get("ctx", {})
    path = path_of(error)
    if kind == "rule":
        return error["msg"]
    if kind == "extra_forbidden":
        return _unknown_key(error, path)
    if kind == "axis_form":
        return _wrong_form(given, context)
    if kind == "literal_error":
        return _not_one_of(given, re.findall(r"'([^']*)'", context["expected"]))
    if kind == "union_tag_invalid":
        return _not_one_of(context["tag"], list(_FORMS[str(path[0])]))
    if kind == "union_tag_not_found":
        return f"is required; possible: {', '.join(_FORMS[str(path[0])])}"
    if kind == "string_pattern_mismatch":
        return f"should be letters, digits, - and _, as it names a folder, not {shown(given)}"
    if kind in ("too_short", "too_long") or (kind == "missing" and isinstance(error["loc"][-1], int)):
        return _wrong_length(error, path)
    if kind not in _TEXTS:
        return error["msg"]
    limits = {key: f"{each:g}" if isinstance(each, float) else each for key, each in context.items()}
    text = _TEXTS[kind].format(given=shown(given), **limits)
    return text + _hint(kind, given)


def shown(value: Any) -> str:
    """A value as the file has it, shortened."""
    if isinstance(value, dict | list | tuple):
        return "a mapping" if isinstance(value, dict) else "a list"
    if value is None:
        return "nothing"
    text = repr(value) if isinstance(value, str) else in_words([value])
    text = {"nan": ".nan", "inf": ".inf", "-inf": "-.inf"}.get(text, text)
    return text if len(text) <= 40 else f"{text[:37]}..."


def did_you_mean(word: str, possible: Collection[str]) -> str:
    """The nearest of the possible words as a question, or nothing."""
    near = difflib.get_close_matches(word, possible, n=1)
    return f" (did you mean {near[0]}?)" if near else ""


def _unknown_key(error: ErrorDetails, path: Path) -> str:
    key = str(path[-1])
    parent = [part for part in path[:-1] if isinstance(part, str)]
    section = parent[0] if len(parent) == 1 else ""
    if section in _FORMS:
        form = str(error["loc"][1])
        others = [name for name, model in _FORMS[section].items() if key in model.model_fields]
        if others:
            return f"is not a setting of {form}, only of {' and '.join(others)}"
        siblings: Collection[str] = _FORMS[section][form].model_fields
    else:
        siblings = _KEYS.get(".".join(parent), ())
    near = did_you_mean(key, siblings) or did_you_mean_elsewhere(key)
    return f"unknown key{near}" if near else f"unknown key; possible: {', '.join(siblings)}"


def did_you_mean_elsewhere(key: str) -> str:
    """The dotted name of a key that stands in another section, or nothing."""
    known: Mapping[str, Collection[str]] = {"space": AXES} | {
        section: {name for model in forms.values() for name in model.model_fields} - {SELECTED_BY[section]}
        for section, forms in _FORMS.items()
    }
    sections = ("compare", "resources", "checkpoint", "confirm", "budget", "stop", "")
    known = {**known, **{section: _KEYS[section] for section in sections}}
    for section, keys in known.items():
        near = difflib.get_close_matches(key, keys, n=1, cutoff=0.8)
        if near:
            return f" (did you mean {f'{section}.{near[0]}'.removeprefix('.')}?)"
    return ""


def _wrong_form(given: Mapping[Any, Any], context: Mapping[str, Any]) -> str:
    possible = f"possible: {context['possible']}"
    if not given:
        return f"is empty; {possible}"
    if len(given) > 1:
        return f"should be one form, not {len(given)} ({', '.join(map(str, given))}); {possible}"
    kind = str(context["wrong"][0])
    if kind in {form.kind for form in FORMS}:
        return f"{kind} is not for this axis; {possible}"
    return f"unknown form {kind}{did_you_mean(kind, context['kinds'])}; {possible}"


def _not_one_of(given: Any, possible: Collection[str]) -> str:
    near = did_you_mean(given, possible) if isinstance(given, str) else ""
    return f"{shown(given)} is not one of {', '.join(possible)}{near}"


def _wrong_length(error: ErrorDetails, path: Path) -> str:
    if path[-1] in ("uniform", "loguniform", "randint"):
        return f"should be two numbers: {{{path[-1]}: [low, high]}}"
    if error["type"] == "too_short":
        return "should not be empty"
    return f"should have at most {error.get('ctx', {})['max_length']} entries"


def _hint(kind: str, given: Any) -> str:
    if kind in ("int_type", "float_type") and isinstance(given, str):
        try:
            float(given)
        except ValueError:
            return ""
        return ": write it without quotes"
    if kind in ("int_type", "float_type", "bool_type") and isinstance(given, dict):
        return ": give one value"
    if kind == "string_type" and isinstance(given, bool | int | float):
        return ": put it in quotes"
    return ""
