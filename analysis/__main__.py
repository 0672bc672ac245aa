"""The command line: python -m analysis RESULTS [MORE_RESULTS ...] [--out DIR] [--style paper] [--formats svg,pdf]."""

import argparse
import io
import re
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
STYLE_HELP = (
    "paper: figure files without titles and source lines, one or two columns wide, at 300 dpi, and the tables as LaTeX "
    "too; the page stays as it is"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the report of a results directory; 0: it is written; 2: it cannot be; 130: interrupted."""
    parser = argparse.ArgumentParser(prog="python -m analysis", description=DESCRIPTION)
    parser.add_argument("results", type=folder, metavar="RESULTS", help="a study's results directory")
    parser.add_argument(
        "more",
        type=folder,
        nargs="*",
        metavar="MORE_RESULTS",
        help="further directories, whose runs are joined with the first's",
    )
    parser.add_argument(
        "--out", type=folder, metavar="DIR", help="default: RESULTS/report, or RESULTS/report-joined with MORE_RESULTS"
    )
    parser.add_argument("--style", choices=("report", "paper"), default="report", help=STYLE_HELP)
    parser.add_argument("--formats", default="svg,png", help=FORMATS_HELP)
    options = parser.parse_args(arguments)
    formats = tuple(name for part in options.formats.split(",") if (name := part.strip()))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal or file that cannot hold '±' or the name of a study
    try:
        report = write_report(options.results, options.out, formats, options.more, options.style)
    except (ResultsError, ReportError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:  # a folder that may not be read, a full disk
        print(f"error: {error.filename or options.results}: {error.strerror or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted: the report is not complete; the same command writes it again", file=sys.stderr)
        return 130
    print_summary(report, Console())
    return 0


def folder(given: str) -> Path:
    """A folder on this machine, with ~ as a shell would read it.

    Raises:
        argparse.ArgumentTypeError: it is an address of a store.
    """
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", given):
        raise argparse.ArgumentTypeError(
            f"{given} is not a folder on this machine: copy the results and give their folder"
        )
    return Path(given).expanduser()


if __name__ == "__main__":
    sys.exit(main())
