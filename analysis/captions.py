"""What each figure and table shows, in a sentence for the report, and how its numbers are made."""

SHARED_TIME = "shared among runs that train together, on a machine that may have been busy"

CAPTIONS = {
    "forest": "Each row is a difference of two configurations; the thick line holds for it alone. The verdict is read "
    "off a thin line, which is then the one to quote.",
    "final_accuracy": "Final accuracy, as the study declared it; every point is a run.",
    "convergence": "Accuracy and training loss after each epoch: train dashed, test solid.",
    "head_to_head": "Two configurations and their difference; bands hold for each epoch by itself, and are no verdict.",
    "interaction": "Whether the effect of one axis depends on the other: its size at each value of that.",
    "epochs_to_accuracy": "The first epoch with a test accuracy of so much; every point is a run.",
    "convergence_steps": "The curves by epoch against SGD steps.",
    "convergence_seconds": f"The curves by epoch against the training time of a run: {SHARED_TIME}.",
    "generalisation_gap": "Training minus test accuracy, final values as the study declared them.",
    "seed_spread": "How far runs that differ in nothing but the seed lie apart.",
    "search_history": "The objective of every configuration in the order they were tried.",
    "search_slices": "The objective against each axis.",
    "search_parallel": "One line a configuration through its settings to its objective.",
    "search_importance": "Share of the objective's variance that each axis explains.",
    "search_rungs": "Every configuration's objective until the scheduler stopped it.",
    "search_spent": "Model-epochs by what became of the configurations.",
    "search_lineage": "The values that each member of the population trained with, and who went on from whose state.",
    "timeline": "Which pack of runs trained on which device; numbers are configurations, gaps are idle time.",
}

TABLES = {
    "confirmed": (
        "Selected and confirmed",
        "What the search selected by validation accuracy, and what fresh seeds reach on the test images; optimism: the "
        "points by which the selection promised more.",
    ),
    "fates": (
        "What the search spent",
        "Model-epochs by what became of the configurations; confirmed ones were trained again with fresh seeds.",
    ),
    "summary": ("Summary", f"Means ± standard deviations over the finished runs. Seconds: {SHARED_TIME}."),
    "comparisons": (
        "Comparisons",
        "Quote the interval of the verdict, which it was read off. The check interval and what it says of the "
        "meaningful difference are a check by a plainer method: Welch's, at 1 − 0.05 / m for m comparisons.",
    ),
    "other_measures": (
        "The same comparisons in other measures",
        "No verdict is read off these; their intervals hold together (Bonferroni).",
    ),
    "time_to_accuracy": (
        "Time to an accuracy",
        f"Kaplan-Meier medians over runs; '> E' where fewer than half reached it. Seconds: {SHARED_TIME}.",
    ),
    "logrank": ("Logrank tests of epochs to an accuracy", "p adjusted by Holm over the family."),
    "runs": (
        "Runs",
        "Every run of the plan; derived ones are the beginning of a longer run, never trained by themselves.",
    ),
}

# The columns a reader of the page needs, in order; the CSV files hold the rest. T stands for the
# study's thresholds.
SHOWN = {
    "confirmed": ("configuration", "role", "selected_with", "n_search", "confirmed_mean", "n", "optimism"),
    "summary": (
        *("configuration", "n", "runs", "diverged", "validation_accuracy_mean"),
        *("test_accuracy_mean", "test_accuracy_low"),
        *("train_accuracy_mean", "selected_accuracy_mean", "gap_mean", "aulc_mean"),
        *("epochs_to_T", "seconds", "train_accuracy_low", "train_loss_mean"),
    ),
    "comparisons": (
        *("a", "b", "difference", "joint_interval_low", "verdict", "more_low"),
        *("check_interval_low", "check", "method", "p_adjusted", "improvement", "effect"),
        *("mean_a", "mean_b", "n_a", "n_b", "family", "look", "note"),
    ),
    "other_measures": (
        *("measure", "a", "b", "difference", "check_interval_low"),
        *("method", "p_adjusted", "improvement", "effect"),
        *("mean_a", "mean_b", "n_a", "n_b", "family"),
    ),
    "runs": (
        *("trial_id", "configuration", "seed", "state", "derived", "epochs_done", "test_accuracy", "train_accuracy"),
        *("selected_accuracy", "gap", "aulc", "train_loss", "diverged", "diverged_at", "seconds", "host", "device"),
        *("pack", "error"),
    ),
    "time_to_accuracy": (*("configuration", "threshold", "reached", "n", "text", "median_steps", "median_seconds"),),
}
TITLES = {
    "selected_with": "selected with (validation, %)",
    "n_search": "seeds of the search",
    "confirmed_mean": "confirmed (test, %)",
    "confirmed_sd": "sd",
    "model_epochs": "model-epochs",
    "share": "share (%)",
    "text": "median epochs",
    "joint_interval_low": "interval of the verdict",
    "check_interval_low": "check interval",
    "check": "it says",
    "more_low": "more seeds, about",
    "n_a": "n of a",
    "n_b": "n of b",
    "mean_a": "mean of a",
    "mean_b": "mean of b",
    "p_adjusted": "adjusted p",
    "improvement": "P(a > b)",
    "effect": "effect (sd)",
    "gap_mean": "gap (points)",
    "aulc_mean": "AULC (%)",
    "validation_accuracy_mean": "validation accuracy (%)",
    "test_accuracy_mean": "test accuracy (%)",
    "train_accuracy_mean": "train accuracy (%)",
    "selected_accuracy_mean": "selected accuracy (%)",
    "test_accuracy_low": "test 95 % interval",
    "train_accuracy_low": "train 95 % interval",
    "threshold": "accuracy (%)",
    "difference": "a − b",
}

METHODS = (
    "A run is a configuration with one seed; every statistic counts runs.",
    "Final accuracy is that after the last planned epoch, or the mean over the last K epochs where the study declares "
    "compare.measure {last: K}; a run that has not got there has none. "
    "Selected accuracy is the test accuracy at the first best validation epoch. The maximum over "
    "test epochs is never used.",
    "Means carry 95 % Student-t intervals over seeds, differences 95 % Welch intervals. Conditions that differ in "
    "their planned epochs alone, at a constant learning rate, are parts of the same runs: their differences are taken "
    "run by run and carry paired t-intervals.",
    "Declared and baseline comparisons are one family, and at most 5 % of studies claim anything false of them. "
    "Spreads of conditions borrow strength from each other, cautiously; each is tested one-sided against the nearer "
    "margin; Holm's steps share the error. 'Larger' when the interval of the verdict lies beyond d on one side, "
    "'smaller' when it lies within ±d, else undecided, with the range of further seeds that would decide at even odds.",
    "The check interval is Welch's, at 1 − 0.05 / m for the m comparisons (Bonferroni): it and its adjusted p-value "
    "m p are a check that borrows nothing: where it says the same, the verdict does not hang on the method.",
    "The best: a condition may be the best unless another lies above it at one-sided level 5 % / (k − 1) (Hsu 1984).",
    "Improvement is the probability that a run of a beats a run of b (Mann-Whitney U / n1 n2); the "
    "effect is the difference in pooled standard deviations; paired: over the common seeds.",
    "AULC is the area under the test accuracy over epochs 1..E, divided by E − 1. The gap is "
    "training minus test accuracy. Diverged runs stay in every mean accuracy; a mean loss that holds one is not given.",
    f"Seconds are a run's share of the time that its process spent on training and accuracies: {SHARED_TIME}.",
)
