"""Commands to enter, as a shell takes them."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path


def python_command(module: str, arguments: Sequence[str]) -> str:
    """``python -m`` with the Python that runs now: the environment may not be activated."""
    python = Path(sys.executable)
    if python.is_relative_to(Path.cwd()):
        python = python.relative_to(Path.cwd())
    return shlex.join([str(python), "-m", module, *arguments])
