"""A study from Python: the same as the command line, for a notebook or a script.

>>> from study.api import Study
>>> study = Study.from_yaml("search_spaces/depth.yaml", data="digits", seeds=3)
>>> study.name, study.settings["seeds"]
('depth', 3)

``study.run()`` then trains what is not trained yet and returns the results, as ``analysis.load`` gives them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from study import run as command_line
from study.process.exit_status import DONE, INTERRUPTED
from study.space import load_study

if TYPE_CHECKING:
    from analysis.notebook import Loaded


class StudyError(Exception):
    """A session did not end well; what is wrong was printed, and what was trained is kept."""


@dataclass(frozen=True)
class Study:
    """A space file with its overrides.

    Attributes:
        path: the file.
        overrides: ``KEY=VALUE`` each, as ``--set`` takes them.
        settings: the study with every default written out.
    """

    path: Path
    overrides: tuple[str, ...]
    settings: dict[str, Any]

    @classmethod
    def from_yaml(cls, path: str | Path, **changes: Any) -> "Study":
        """Read a space file.

        Args:
            path: the file.
            changes: any key of the file with its new value, such as ``seeds=3`` or ``space={"num_blocks": 3}``, which
                changes this axis alone.

        Raises:
            SpaceError: with every problem of the file and of the changes.
        """
        overrides = tuple(f"{key}={_yaml(value)}" for key, value in _dotted(changes))
        study = load_study(Path(path), overrides)
        return cls(Path(path), overrides, study.model_dump())

    @property
    def name(self) -> str:
        """Names the results directory."""
        return str(self.settings["name"])

    def run(
        self,
        results: str | Path | None = None,
        *,
        data_dir: str | Path = "data",
        extend: bool = False,
        address: str | None = None,
        report: bool = True,
        quiet: bool = False,
    ) -> "Loaded":
        """Train what is not trained yet, in this process and on Ray, and write the report.

        Args:
            results: the directory, ``results/<name>`` by default; what it holds of the study is not trained again.
            data_dir: where CIFAR-10 is kept or downloaded to.
            extend: accept that the study asks for more than the directory holds.
            address: of a Ray cluster to join.
            report: write figures and the report.
            quiet: print only what goes wrong.

        Raises:
            StudyError: the input is wrong, runs failed or the session broke; the reason was printed.
            KeyboardInterrupt: it was interrupted; what was trained is kept.
        """
        from analysis import load

        folder = Path(results) if results is not None else Path("results") / self.name
        arguments = ["--space", str(self.path), "--results", str(folder), "--data-dir", str(data_dir)]
        arguments += [part for override in self.overrides for part in ("--set", override)]
        arguments += ["--extend" if extend else "--resume"]
        arguments += ["--address", address] if address else []
        arguments += [] if report else ["--no-report"]
        arguments += ["--quiet"] if quiet else []
        status = command_line.main(arguments)
        if status == INTERRUPTED:
            raise KeyboardInterrupt
        if status != DONE:
            raise StudyError(f"{self.name}: the session ended with status {status}; see what was printed")
        return load(folder)


def _dotted(changes: dict[str, Any], path: str = "") -> list[tuple[str, Any]]:
    """Each change with its whole key; below ``space`` and the like, axis by axis."""
    found: list[tuple[str, Any]] = []
    for key, value in changes.items():
        whole = f"{path}{key}"
        found += _dotted(value, f"{whole}.") if isinstance(value, dict) and not path else [(whole, value)]
    return found


def _yaml(value: Any) -> str:
    """A value as ``--set`` reads it: JSON, which YAML holds."""
    import json

    return json.dumps(value)
