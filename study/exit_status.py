"""How ``python -m study.run`` ends; part of the contract with scripts that call it."""

DONE = 0
SOME_FAILED = 1
BAD_INPUT = 2
INTERRUPTED = 130
