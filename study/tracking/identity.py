"""tracking.json: what a study is called elsewhere, the same in all its sessions, and what of it is there."""

import json
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from study.results.files import write_json


@dataclass
class Identity:
    """The content of the file, which is made with the first run that is handed over.

    Attributes:
        file: where it is.
        study_id: tells the study from others of its name.
        written: by the W&B id of a run, its epochs and its state when its files were written.
    """

    file: Path
    study_id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    written: dict[str, tuple[int, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, file: Path) -> "Identity":
        """Of the file where there is one, else a new one; what cannot be read is made anew.

        Raises:
            OSError: the file is there and cannot be read.
        """
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            written = {name: (int(epochs), str(state)) for name, (epochs, state) in content["wandb"].items()}
            return cls(file, str(content["id"]), written)
        except FileNotFoundError:
            return cls(file)
        except (ValueError, KeyError, TypeError, AttributeError):
            return cls(file)

    def write(self) -> None:
        """Replace the file.

        Raises:
            OSError: it cannot be written.
        """
        content: dict[str, Any] = {"id": self.study_id, "wandb": self.written}
        write_json(self.file, content)
