"""The command line: ``python -m study.run --space search_spaces/depth.yaml``."""

import argparse
import logging
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from study import interrupts
from study.exit_status import BAD_INPUT, DONE, INTERRUPTED
from study.plan.trials import PlannedTrial, plan_of
from study.progress import counted, describe, say
from study.space import SpaceError, Study, load_study

_NOTHING_STARTED = "interrupted before anything was started"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a study; the exit status is 0, 1 (some trials failed, or no report), 2 (bad input) or 130 (interrupted)."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_args(arguments)
    overrides = list(options.set)
    if options.data is not None:
        overrides.append(f"data={_quoted(options.data)}")
    try:
        study = load_study(options.space, overrides)
        trials = plan_of(study)
    except (SpaceError, ValueError) as error:
        print(error, file=sys.stderr)
        return BAD_INPUT
    console = Console()
    _show_messages()
    if options.dry_run:
        return _dry_run(study, trials, console)
    try:
        # Ray and torch take seconds to import; bad input and a dry run need neither.
        with interrupts.held():
            from study import session
    except KeyboardInterrupt:
        print(_NOTHING_STARTED)
        return INTERRUPTED
    request = session.Request(
        study=study,
        trials=trials,
        results=options.results or Path("results") / study.name,
        data_dir=options.data_dir,
        resume=options.resume,
        address=options.address,
        report=not options.no_report,
        command=command_line(arguments),
    )
    try:
        return session.run(request, console)
    except session.InputError as error:
        print(error, file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:  # while Ray starts, or a second time while it stops
        started = session.ResultsDirectory(request.results).study.exists()
        print(session.how_to_go_on(request) if started else _NOTHING_STARTED)
        return INTERRUPTED


def command_line(arguments: Sequence[str]) -> str:
    """The command as a shell takes it, with the Python that runs now: the environment may not be activated."""
    python = Path(sys.executable)
    if python.is_relative_to(Path.cwd()):
        python = python.relative_to(Path.cwd())
    return shlex.join([str(python), "-m", "study.run", *arguments])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m study.run",
        description="Train every configuration of a space file over several seeds and compare them.",
        epilog="exit status: 0 all well; 1 some trials failed, or the report could not be written; 2 the input is "
        "wrong, nothing was started; 130 interrupted, and how to resume is printed",
        allow_abbrev=False,
    )
    parser.add_argument("--space", type=Path, required=True, metavar="FILE", help="the space file (YAML)")
    parser.add_argument(
        "--data",
        metavar="auto|cifar10|digits|FOLDER",
        help="the images; FOLDER holds train/<class>/ and test/<class>/ (default: the space file's, else auto)",
    )
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=Path("data"),
        metavar="DIR",
        help="where CIFAR-10 is kept or downloaded to, and decoded folders are cached (default: data)",
    )
    parser.add_argument("--results", type=Path, metavar="DIR", help="default: results/<name of the study>")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="any key of the space file, dotted: --set seeds=3 --set space.epochs=2; may be repeated",
    )
    parser.add_argument("--resume", action="store_true", help="finish the study in the results directory")
    parser.add_argument(
        "--dry-run", action="store_true", help="print every configuration and the totals; start nothing"
    )
    parser.add_argument("--address", help="join a running Ray cluster: auto, or HOST:PORT")
    parser.add_argument("--no-report", action="store_true", help="write no figures at the end")
    return parser


def _show_messages() -> None:
    """What takes time (a download, decoding a folder) says so through logging; show it as plain lines."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.getLogger("study")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)


def _quoted(text: str) -> str:
    """A value of ``--set`` that is this text whatever YAML would make of it."""
    return "'" + text.replace("'", "''") + "'"


def _dry_run(study: Study, trials: list[PlannedTrial], console: Console) -> int:
    for trial in trials:
        say(console, f"{trial.trial_id}  {describe(trial.configuration)}")
    seeds = len(study.seed_list)
    epochs = sum(trial.configuration.epochs for trial in trials)
    say(
        console,
        f"{study.name}: {counted(len(trials), 'trial')} of {counted(seeds, 'seed')} "
        f"({', '.join(map(str, study.seed_list))}): {counted(len(trials) * seeds, 'run')}, "
        f"{counted(epochs * seeds, 'model-epoch')}",
    )
    return DONE


if __name__ == "__main__":
    sys.exit(main())
