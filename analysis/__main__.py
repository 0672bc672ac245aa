"""The command line: python -m analysis RESULTS [--out DIR] [--formats svg,png,pdf]."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from analysis.report import ReportError, print_summary, write_report
from analysis.results import ResultsError

DESCRIPTION = "Draw the figures of a study and judge its comparisons: RESULTS/report/report.html, tables and figures."
FORMATS_HELP = (
    "of the figure files, any of svg,png,pdf (default svg,png); formats that an earlier report left "
    "in DIR are drawn again too, so that none is out of date"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the report of a results directory; 0 when it is written, 2 when the input is wrong."""
    parser = argparse.ArgumentParser(prog="python -m analysis", description=DESCRIPTION)
    parser.add_argument("results", type=Path, metavar="RESULTS", help="a study's results directory")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: RESULTS/report")
    parser.add_argument("--formats", default="svg,png", help=FORMATS_HELP)
    options = parser.parse_args(arguments)
    formats = tuple(name for part in options.formats.split(",") if (name := part.strip()))
    try:
        report = write_report(options.results, options.out, formats)
    except (ResultsError, ReportError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print_summary(report, Console())
    return 0


if __name__ == "__main__":
    sys.exit(main())
