"""Which runs a study consists of, which train side by side, and which need no training. Neither torch nor ray."""
