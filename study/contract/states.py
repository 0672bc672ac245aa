"""Where a run stands, and why it exists."""

from typing import Literal

# planned: not started. running: a process trains it. completed: has all its epochs, or was stopped because it diverged.
# stopped: ended early, for a StopReason. failed: its process failed more often than it may. interrupted: was running
# when the study was ended. derived: the beginning of a longer run, never trained by itself.
State = Literal["planned", "running", "completed", "stopped", "failed", "interrupted", "derived"]

# scheduler: other configurations did better. target, plateau: its own validation accuracy is enough, or rises no more.
StopReason = Literal["scheduler", "target", "plateau"]

# explore: a grid, a random draw or a search asked for it. confirm: fresh seeds for a search's winners, trained on the
# validation images too. Runs of different stages are never pooled.
Stage = Literal["explore", "confirm"]

# A run in one of these has all the epochs it will ever have.
ENDED: frozenset[State] = frozenset({"completed", "stopped", "derived"})
