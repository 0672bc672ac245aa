"""``--dry-run``: what a study would train and what that would take, without starting it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rich.console import Console

from study.contract.axes import Configuration
from study.contract.files import trial_id
from study.contract.states import ENDED
from study.data import DataError
from study.data.sizes import Sizes, sizes
from study.forecast.remaining import NEW, Left, foreseen, left_of
from study.forecast.typical import model_epochs, typical
from study.growing import expectation, selects_by_test
from study.plan.beginnings import families
from study.plan.packs import Pack, cost, largest_pack, pack_id, packed
from study.plan.planned import Planned, PlannedRun, runs_of
from study.request import Request
from study.results.ledger import Ledger
from study.space import Study
from study.terminal.phrasing import byte_size, counted, describe, duration, ranges, say, seeds_in_words
from study.terminal.standing import varying_axes

MOST_SHAPES = 3


def show(request: Request, console: Console, held: Ledger | None = None) -> None:
    """Print every configuration, the totals and what they would take; of a study that was begun, what is left.

    Args:
        request: with the study.
        console: to print on.
        held: where the results directory stands; None where it holds nothing yet.
    """
    if held is None:
        _show_whole(request.study, request.planned, console)
    else:
        _show_left(request.study, held, console)
    if request.mode != "start" and not request.results.exists():
        say(console, f"{request.results} holds nothing yet: the study would start anew")


def _show_left(study: Study, held: Ledger, console: Console) -> None:
    left = left_of(held, foreseen(study, held.planned))
    of_one: dict[str, list[Left]] = {}
    for each in left:
        of_one.setdefault(each.run.trial_id, []).append(each)
    digits = varying_axes(
        [each.run.run.configuration for each in left]
        + [status.planned.run.configuration for status in held.runs.values()]
    )
    for name, each in of_one.items():
        said = f"{counted(sum(one.epochs for one in each), 'model-epoch')} left"
        seeds = seeds_in_words(one.run.run.seed for one in each)
        which = name if not name.startswith(NEW) else "new "
        say(console, f"{which}  {describe(each[0].run.run.configuration, digits)}, {seeds}: {said}")
    ended = sum(status.state in ENDED for status in held.runs.values())
    epochs = sum(one.epochs for one in left)
    say(
        console,
        f"{study.name}: {ended:,} of {counted(len(held.runs), 'run')} there have ended; left: "
        f"{counted(len(left), 'run')}, {counted(epochs, 'model-epoch')}",
    )
    if study.most_seeds is not None:
        say(
            console, f"{study.name}: {expectation(study)}; how many of these is not known yet, so none are counted here"
        )
    if left:
        _say_how_long(study, {one.run: one.epochs for one in left}, console)


def _show_whole(study: Study, planned: Sequence[Planned], console: Console) -> None:
    digits = varying_axes(each.configuration for each in planned)
    for number, each in enumerate(planned):
        say(console, f"{trial_id(number)}  {describe(each.configuration, digits)}")
    runs = runs_of(planned)
    if planned:
        say(
            console,
            f"{study.name}: {counted(len(planned), 'configuration')} with {counted(len(study.seed_list), 'seed')} "
            f"({ranges(study.seed_list)}): {counted(len(runs), 'run')}, "
            f"{counted(model_epochs(planned), 'model-epoch')}",
        )
    beginnings = len(runs) - len(families(runs))
    if beginnings:
        said = f"{counted(beginnings, 'run')} of these"
        say(console, f"{said}, the beginnings of longer ones, need no training")
    whole = typical(study)
    if growth := expectation(study):
        said = "about" if study.scheduler.name == "none" else "at most"
        least = f"{study.name}: {growth}: {said} {counted(model_epochs(whole), 'model-epoch')}"
        if study.most_seeds is None:
            say(console, f"{least} in all")
        else:
            most = model_epochs([replace(each, seeds=tuple(range(study.most_seeds))) for each in whole])
            say(console, f"{least} before seeds are added, {most:,} if all are; the estimate is without these")
    if warning := selects_by_test(study):
        say(console, warning)
    longest = [family.longest for family in families(runs_of(whole))]
    _say_how_long(study, {run: run.run.configuration.epochs for run in longest}, console)


def _say_how_long(study: Study, epochs_left: Mapping[PlannedRun, int], console: Console) -> None:
    try:
        count = sizes(study.data, study.validation)
    except (DataError, OSError):  # ``study.preflight.blockers`` says why
        say(console, "how long it takes cannot be estimated: see what would stop the run")
    else:
        _show_estimate(study, epochs_left, count, console)


def _show_estimate(study: Study, epochs_left: Mapping[PlannedRun, int], count: Sizes, console: Console) -> None:
    # What needs torch, which takes seconds to import, stays behind what is known without it.
    say(console, "measuring some training steps ...")
    import torch

    from study.forecast.estimate import estimate
    from study.forecast.measuring import measure
    from study.results.machine import available_cpus

    resources = study.resources
    there = 0 if resources.gpus == 0 else torch.cuda.device_count()
    gpus = float(there > 0) if resources.gpus == "auto" else float(resources.gpus)
    if gpus and not there:
        say(console, "how long it takes cannot be estimated: this machine has no GPU, and the study asks for one")
        return
    slots = max(1, int(available_cpus() / resources.cpus + 1e-4))
    if gpus:
        slots = max(1, min(slots, int(there / gpus + 1e-4)))
    torch.set_num_threads(max(1, int(resources.cpus)))
    epochs = {run.key: left for run, left in epochs_left.items()}
    groups = packed(list(epochs_left), epochs, slots, largest_pack(resources, on_gpu=gpus > 0))
    packs = [Pack(pack_id(number), group) for number, group in enumerate(groups)]
    device = "cuda:0" if gpus else "cpu"
    measured = [
        measure(configuration, runs, count, study.precision, device) for configuration, runs in _shapes(packs).items()
    ]
    result = estimate(packs, epochs, measured, slots, study.checkpoint.keep)
    low, middle, high = map(duration, (result.seconds.low, result.seconds.middle, result.seconds.high))
    each = f"{_seconds(result.model_epoch.low)} to {_seconds(result.model_epoch.high)} s"
    device_hours = f"{result.busy.low * gpus / 3600:.2g} to {result.busy.high * gpus / 3600:.2g} GPU-hours, "
    say(
        console,
        f"on this machine about {middle} ({low} to {high}), start and report included: "
        f"{counted(len(packs), 'pack')}, up to {min(slots, len(packs))} at once, {each} a model-epoch; "
        f"{device_hours if gpus else ''}about {byte_size(result.disk)} of disk",
    )


def _shapes(packs: Sequence[Pack]) -> dict[Configuration, int]:
    """The shapes to measure, with the runs of a pack: the cheapest, the most expensive and what lies between."""
    largest: dict[tuple[object, ...], Pack] = {}
    for pack in packs:
        shape = pack.runs[0].run.configuration.shape
        if shape not in largest or len(pack.runs) > len(largest[shape].runs):
            largest[shape] = pack
    by_cost = sorted(largest.values(), key=lambda pack: cost(pack.runs[0].run.configuration))
    places = {round(k * (len(by_cost) - 1) / (MOST_SHAPES - 1)) for k in range(MOST_SHAPES)}
    return {by_cost[place].runs[0].run.configuration: len(by_cost[place].runs) for place in sorted(places)}


def _seconds(seconds: float) -> str:
    return f"{seconds:.2g}" if seconds < 10 else f"{seconds:,.0f}"
