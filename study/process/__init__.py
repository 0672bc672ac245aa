"""What a long-running program needs whatever it does: locks, signals, streams, threads. Knows nothing of a study."""
