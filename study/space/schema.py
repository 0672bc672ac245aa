"""The JSON schema of a space file, for editors: ``python -m study.space.schema search_spaces/schema.json``."""

import ast
import inspect
import itertools
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from study.space import sections, study

# Stays a definition of its own, since it stands in several places; everything else is written where it is used.
_SHARED = "PartialConfiguration"


def schema_text() -> str:
    """The schema (JSON Schema 2020-12) as the text of schema.json.

    It checks what can be said of each key alone; the rules between keys, such as validation above 0 for optuna, are
    checked by ``load_study``.
    """
    schema = study.Study.model_json_schema()
    definitions = schema.pop("$defs")
    for module in (sections, study):
        for model, key, text in _attribute_docstrings(module):
            properties = definitions.get(model, schema)["properties"]
            properties[key] = {"description": text, **properties[key]}
    plain = _plain(schema, definitions)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A space file"}
    shared = {"$defs": {_SHARED: _plain(definitions[_SHARED], definitions)}}
    return json.dumps(head | plain | shared, indent=2, ensure_ascii=False) + "\n"


def _attribute_docstrings(module: ModuleType) -> Iterator[tuple[str, str, str]]:
    """Each model, key and the string below the key, which says what it means.

    pydantic can collect them too, but does so whenever a model is imported, which takes longer than all its other work.
    """
    models = [node for node in ast.parse(inspect.getsource(module)).body if isinstance(node, ast.ClassDef)]
    for model in models:
        for attribute, below in itertools.pairwise(model.body):
            match attribute, below:
                case ast.AnnAssign(target=ast.Name(key)), ast.Expr(ast.Constant(str(text))):
                    yield model.name, key, inspect.cleandoc(text)


def _plain(node: Any, definitions: dict[str, Any]) -> Any:
    """The node with references written out and without what editors have no use for.

    References of pydantic carry the names of Python's generic types, titles repeat the keys, and ``discriminator`` is
    OpenAPI's. A description beside a reference wins over that of what is referred to.
    """
    if isinstance(node, list):
        return [_plain(each, definitions) for each in node]
    if not isinstance(node, dict):
        return node
    name = node.get("$ref", "").removeprefix("#/$defs/")
    if name and name != _SHARED:
        return _plain({**definitions[name], **{key: each for key, each in node.items() if key != "$ref"}}, definitions)
    return {key: _plain(each, definitions) for key, each in node.items() if not _is_noise(key, each)}


def _is_noise(key: str, value: Any) -> bool:
    # A key of the file by one of these names would have a schema of its own: a mapping without propertyName.
    return (key == "title" and isinstance(value, str)) or (key == "discriminator" and "propertyName" in value)


def main(arguments: Sequence[str]) -> None:
    """Write the schema to the file named, or print it."""
    if arguments:
        Path(arguments[0]).write_text(schema_text(), encoding="utf-8")
    else:
        print(schema_text(), end="")


if __name__ == "__main__":
    main(sys.argv[1:])
