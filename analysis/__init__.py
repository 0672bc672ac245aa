"""Reads a results directory: tables, figures, verdicts and a report; needs neither torch nor Ray."""

from analysis.notebook import Loaded, load

__all__ = ["Loaded", "load"]
