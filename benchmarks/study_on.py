"""study.run on the images of ``lay_out``: python -m benchmarks.study_on FOLDER ARGUMENTS-OF-STUDY.RUN

Everything but the loading is the study's own: for parts of a data set and for synthetic images.
"""

import sys
from pathlib import Path
from typing import Any

from benchmarks.shared_images import open_images
from study import execution, run
from study.data import ImageData


def main() -> int:
    folder, *arguments = sys.argv[1:]

    def load(*_: Any, **__: Any) -> ImageData:
        return open_images(Path(folder), mapped=False)  # in memory, as the study's own loading leaves them

    execution.load = load
    return run.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
