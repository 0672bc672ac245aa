"""What runs and their values are called in other programs, TensorBoard among them."""

from study.contract.axes import AXES
from study.contract.records import RunEpoch
from study.plan.planned import PlannedRun

# What is shown under which name; TensorBoard and W&B make a section of what stands before the slash.
CURVES = {
    "test_accuracy": "accuracy/test",
    "validation_accuracy": "accuracy/validation",
    "train_accuracy": "accuracy/train",
    "train_loss": "loss/train",
}


def configuration_name(planned: PlannedRun) -> str:
    """A configuration in a word: its number, its network and learning rate, and what else differs from the defaults."""
    configuration = planned.run.configuration
    norm = "bn" if configuration.batch_norm else "nobn"
    said = [f"{planned.trial_id}_{configuration.block}{configuration.num_blocks}_{norm}_lr{configuration.lr:g}"]
    for name, axis in AXES.items():
        value = getattr(configuration, name)
        if axis.quiet and value != axis.default:
            said.append(f"{name}{axis.text(value)}")
    return "_".join(said)


def run_name(planned: PlannedRun) -> str:
    """A run in a word: its configuration and its seed."""
    return f"{configuration_name(planned)}/seed{planned.run.seed}"


def curve_values(epoch: RunEpoch) -> dict[str, float]:
    """What an epoch adds to the curves; a loss that was not finite adds nothing."""
    values = {name: getattr(epoch, measure) for measure, name in CURVES.items()}
    return {name: value for name, value in values.items() if value is not None}
