"""What ``study`` and ``analysis`` agree on, said once: the axes, a record's lines, file names, states.

Imports the standard library alone, so that anything may import it: the training loop on a machine with torch and little
else, the analysis on one without torch.
"""
