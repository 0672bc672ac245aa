"""What a study asks: a space file, the study it describes, and the configurations of its space.

Knows neither torch nor ray. The parts: ``space_axes`` and ``space_axis_types`` (an axis and its values),
``space_sections`` and ``space_study`` (the file as models), ``space_rules`` (what ties the sections together),
``space_yaml`` (YAML with places), ``space_file`` and ``space_messages`` (reading, and what is wrong in plain words),
``space_configurations`` (the list of trials), ``space_schema`` (the schema for editors).
"""

from study.space_axes import AXES, AxisName, Configuration
from study.space_configurations import configurations
from study.space_file import SpaceError, load_study
from study.space_sections import Resources
from study.space_study import Study

__all__ = ["AXES", "AxisName", "Configuration", "Resources", "SpaceError", "Study", "configurations", "load_study"]
