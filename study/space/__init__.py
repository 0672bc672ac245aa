"""What a study asks: a space file, the study it describes, and the configurations of its space.

Knows neither torch nor ray. The axes come from the table in ``study.contract.axes``. The parts: ``axes`` and
``axis_types`` (the forms an axis takes; the types made from the table),
``sections`` and ``study`` (the file as models), ``rules`` (what ties the sections together),
``yaml`` (YAML with places), ``file`` and ``messages`` (reading, and what is wrong in plain words),
``configurations`` (the list of trials), ``schema`` (the schema for editors).
"""

from study.space.configurations import configurations
from study.space.file import SpaceError, load_study
from study.space.sections import Resources
from study.space.study import Study

__all__ = ["Resources", "SpaceError", "Study", "configurations", "load_study"]
