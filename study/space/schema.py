"""The JSON schema of a space file, for editors: ``python -m study.space.schema search_spaces/schema.json``."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from study.space.study import Study


def schema_text() -> str:
    """The schema (JSON Schema 2020-12) as the text of schema.json.

    It checks what can be said of each key alone; the rules between keys, such as validation above 0 for optuna, are
    checked by ``load_study``.
    """
    schema = Study.model_json_schema()
    definitions = schema.pop("$defs")
    plain = _plain(schema, definitions)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A space file"}
    return json.dumps(head | plain, indent=2, ensure_ascii=False) + "\n"


def _plain(node: Any, definitions: dict[str, Any]) -> Any:
    """The node with references written out and without what editors have no use for.

    References of pydantic carry the names of Python's generic types, titles repeat the keys, and ``discriminator`` is
    OpenAPI's. A description beside a reference wins over that of what is referred to.
    """
    if isinstance(node, list):
        return [_plain(each, definitions) for each in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        target = definitions[node["$ref"].removeprefix("#/$defs/")]
        return _plain({**target, **{key: each for key, each in node.items() if key != "$ref"}}, definitions)
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
