"""AdaStop's rule (Mathieu et al., arXiv 2306.10882), against one baseline and without early acceptance.

Stages of 5 seeds; at each, permutations of the runs of both conditions within every stage give the level of
the largest difference among undecided comparisons, with 5 % / stages spent at each; what exceeds it is
different, and the rest go on. It tests against a difference of 0: it neither compares with a margin nor ever
finds a difference small, so that its numbers of runs answer an easier question.
"""

import numpy as np

STAGE, STAGES, PERMUTATIONS, ALPHA = 5, 8, 400, 0.05


def adastop(runs: np.ndarray, rng: np.random.Generator) -> tuple[int, float]:
    """Return the runs used and the share of comparisons found different.

    runs: shape (conditions, STAGE * STAGES), the baseline first.
    """
    comparisons = len(runs) - 1
    going = np.ones(comparisons, bool)
    used = np.zeros(len(runs), int)
    # permuted sums: (permutations, comparisons); exceeded: permutations that an earlier stage decided
    permuted, observed = np.zeros((PERMUTATIONS, comparisons)), np.zeros(comparisons)
    exceeded = np.zeros(PERMUTATIONS, bool)
    for stage in range(STAGES):
        part = runs[:, stage * STAGE : (stage + 1) * STAGE]
        used[0] += STAGE
        used[1:][going] += STAGE
        both = np.concatenate([part[1:], np.broadcast_to(part[0], part[1:].shape)], axis=1)
        observed += both[:, :STAGE].sum(axis=1) - both[:, STAGE:].sum(axis=1)
        # one order for all comparisons of a permutation: they share the baseline
        order = rng.random((PERMUTATIONS, 1, 2 * STAGE)).argsort(axis=2)
        mixed = np.take_along_axis(both[None], order, axis=2)
        permuted += mixed[..., :STAGE].sum(axis=2) - mixed[..., STAGE:].sum(axis=2)
        while going.any():
            largest = np.where(exceeded, -np.inf, np.abs(permuted[:, going]).max(axis=1))
            allowed = int(PERMUTATIONS * ALPHA / STAGES)
            bound = np.sort(largest)[-allowed - 1]
            worst = int(np.where(going, np.abs(observed), -np.inf).argmax())
            if abs(observed[worst]) <= bound:
                exceeded |= largest > bound
                break
            going[worst] = False
        if not going.any():
            break
    return int(used.sum()), float(1 - going.mean())
