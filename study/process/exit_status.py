"""How ``python -m study.run`` ends; part of the contract with scripts that call it."""

DONE = 0
SOME_FAILED = 1  # runs, or writing the report
BAD_INPUT = 2
BROKEN = 3  # Ray died, the disk is full: what was trained is kept
INTERRUPTED = 130
