"""From runs to numbers, and from configurations to intervals, tests and verdicts."""
