"""Optuna's samplers over a study's space, asked and told; and the copy of a search for optuna-dashboard."""
