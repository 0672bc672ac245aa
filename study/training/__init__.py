"""The training loop: the network, how it is computed, and an epoch's numbers; knows torch and numpy, not ray."""
