"""How ``python -m study.run`` ends; part of the contract with scripts that call it."""

DONE = 0
SOME_FAILED = 1  # trials, or writing the report
BAD_INPUT = 2
INTERRUPTED = 130
