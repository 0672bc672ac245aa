"""``python -m study`` is ``python -m study.run``."""

import sys

from study.run import as_module

sys.exit(as_module())
