"""What a reader must know of a measurement, beside its numbers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from study.results.clock import now
from study.results.machine import describe_machine, git_state, versions


def circumstances(settings: Mapping[str, Any]) -> dict[str, Any]:
    """When and on what machine it was measured, with which versions and commit, and with these settings.

    Paths among the settings become text. The machine's name is left out.
    """
    machine = describe_machine()
    del machine["host"]
    return {
        "date": now(),
        "machine": machine,
        "versions": versions(),
        "git": git_state(Path(__file__).parent),
        "settings": {name: str(value) if isinstance(value, Path) else value for name, value in settings.items()},
    }
