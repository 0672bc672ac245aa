"""Reads a results directory: tables, figures, verdicts and a report; needs neither torch nor Ray."""
