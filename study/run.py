"""The command line: ``python -m study.run --space search_spaces/depth.yaml``."""

import argparse
import importlib.metadata
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from study.process import interrupts
from study.process.commands import python_command
from study.process.exit_status import BAD_INPUT, DONE, INTERRUPTED
from study.process.output import sturdy_output

if TYPE_CHECKING:
    from rich.console import Console

    from study.request import Request


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a study; the exit status is one of ``study.process.exit_status``."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    options = parser(arguments).parse_args(arguments)
    with sturdy_output(), interrupts.ends_as_interrupts():
        try:
            return _run(options, python_command("study.run", arguments))
        except KeyboardInterrupt:
            print("interrupted before anything was started")
            return INTERRUPTED


def _run(options: argparse.Namespace, command: str) -> int:
    """Run what the options ask for; KeyboardInterrupt where nothing was started yet."""
    # What a command does not need is not imported: --help answers at once, and --dry-run and bad input before Ray and
    # torch, which take seconds.
    with interrupts.held():
        from rich.console import Console

        from study.plan.planned import planned_by
        from study.space import SpaceError, load_study

    overrides = list(options.set)
    if options.data is not None:
        overrides.append(f"data={_quoted(options.data)}")
    try:
        study = load_study(options.space, overrides)
        planned = planned_by(study)
    except (SpaceError, ValueError) as error:
        print(error, file=sys.stderr)
        return BAD_INPUT
    # A log file gets no live table, also where FORCE_COLOR makes rich take it for a terminal.
    console = Console(force_interactive=None if sys.stdout.isatty() else False)
    _show_messages(console, quiet=options.quiet)
    with interrupts.held():
        from study import session
    request = session.Request(
        study=study,
        planned=planned,
        results=options.results or Path("results") / study.name,
        data_dir=options.data_dir,
        mode="extend" if options.extend else "resume" if options.resume else "start",
        address=options.address,
        report=not options.no_report,
        command=command,
        verbosity="quiet" if options.quiet else "verbose" if options.verbose else "normal",
    )
    if options.dry_run:
        return _dry_run(request, console)
    try:
        return session.run(request, console)
    except session.InputError as error:
        print(error, file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:  # while Ray starts, or a second time while it stops
        if not session.ResultsDirectory(request.results).study.exists():
            raise
        print(session.how_to_go_on(request))
        return INTERRUPTED


def _dry_run(request: "Request", console: "Console") -> int:
    from study.dry_run import show
    from study.preflight import blockers, there_already
    from study.terminal.phrasing import say

    show(request, console, there_already(request))
    for problem in blockers(request):
        say(console, f"this would stop the run: {problem}")
    return DONE


class _Parser(argparse.ArgumentParser):
    """Suggests ``--space`` where a space file is given without it."""

    given: Sequence[str] = ()

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the options, and exit."""
        files = [each for each in self.given if each.endswith((".yaml", ".yml"))]
        hint = f" (did you mean --space {files[0]}?)" if files and message.endswith(" --space") else ""
        super().error(message + hint)


def parser(arguments: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The options of the command; of the arguments to parse its messages may quote some."""
    parser = _Parser(
        prog="python -m study.run",
        description="Train every configuration of a space file over several seeds and compare them.",
        epilog="exit status: 0 all well; 1 some runs failed, or the report could not be written; 2 the input is "
        "wrong, nothing was started; 3 the session broke (Ray died, the disk is full); 130 interrupted; after 3 and "
        "130 the command that goes on is printed",
        allow_abbrev=False,
    )
    parser.given = arguments
    parser.add_argument("--version", action="version", version=f"residual-study {_version()}")
    parser.add_argument("--space", type=_path, required=True, metavar="FILE", help="the space file (YAML)")
    parser.add_argument(
        "--data",
        metavar="auto|cifar10|digits|FOLDER",
        help="the images; FOLDER holds train/<class>/ and test/<class>/ (default: the space file's, else auto)",
    )
    parser.add_argument(
        "--data-dir",
        type=_path,
        default=Path("data"),
        metavar="DIR",
        help="where CIFAR-10 is kept or downloaded to, and decoded folders are cached (default: data)",
    )
    parser.add_argument("--results", type=_path, metavar="DIR", help="default: results/<name of the study>")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="any key of the space file, dotted: --set seeds=3 --set space.epochs=2; may be repeated",
    )
    parser.add_argument(
        "--resume", action="store_true", help="finish the study in the results directory; start it where there is none"
    )
    parser.add_argument(
        "--extend",
        action="store_true",
        help="like --resume, and train what the space file asks for beyond it: more seeds, values, samples or epochs",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print every configuration and the totals; start nothing"
    )
    parser.add_argument("--address", help="join a running Ray cluster: auto, or HOST:PORT")
    how_much = parser.add_mutually_exclusive_group()
    how_much.add_argument(
        "--quiet", action="store_true", help="say only what went wrong and where the results are; no live table"
    )
    how_much.add_argument("--verbose", action="store_true", help="a line for every epoch and every end")
    parser.add_argument("--no-report", action="store_true", help="write no figures at the end")
    return parser


def _path(text: str) -> Path:
    """A path as a shell reads it: it leaves ~ alone in ``--results=~/x``."""
    return Path(text).expanduser()


def _version() -> str:
    try:
        return importlib.metadata.version("residual-study")
    except importlib.metadata.PackageNotFoundError:  # run from a folder that was only copied
        return "(not installed)"


class _Lines(logging.Handler):
    """Log records as plain lines of a console, which knows where they go beside a live table."""

    def __init__(self, console: "Console") -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Print it."""
        from study.terminal.phrasing import say

        say(self._console, record.getMessage())


def _show_messages(console: "Console", *, quiet: bool) -> None:
    """What takes time (a download, decoding a folder) says so through logging; show it."""
    logger = logging.getLogger("study")
    logger.setLevel(logging.WARNING if quiet else logging.INFO)
    logger.handlers = [_Lines(console)]  # of a session before this one in the same process there may be another


def _quoted(text: str) -> str:
    """A value of ``--set`` that is this text whatever YAML would make of it."""
    return "'" + text.replace("'", "''") + "'"


def as_module() -> int:
    """``main`` for ``python -m``, which looks into the working directory first, where another ``analysis`` may lie."""
    if not sys.flags.safe_path and Path(sys.path[0]).resolve() != Path(__file__).resolve().parents[1]:
        del sys.path[0]
    return main()


if __name__ == "__main__":
    sys.exit(as_module())
