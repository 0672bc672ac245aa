"""Asks the questions: a space file is trained by Ray Tune, and every result is kept."""
