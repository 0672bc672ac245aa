"""The time as every file of a results directory writes it."""

import datetime


def now() -> str:
    """The time in UTC, ISO 8601."""
    return datetime.datetime.now(datetime.UTC).isoformat()
