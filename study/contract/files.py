"""The names in a results directory; docs/results-directory.md says what each file holds."""

FORMAT = 2
# Directories of these formats are read, resumed and extended.
READABLE_FORMATS = (1, 2)

STUDY = "study.yaml"
PROVENANCE = "provenance.json"
PLAN = "plan.jsonl"
RECORDS = "records"
CURVES = "curves.parquet"
TRIALS_TABLE = "trials.parquet"
TRIALS = "trials"
TENSORBOARD = "tensorboard"
SEARCH = "search.db"
MLFLOW = "mlflow.db"
TRACKING = "tracking.json"
REPORT = "report"
LOCK = ".lock"
STATE_FILE = "state.pt"  # in each checkpoint below trials/
CHECKSUM_FILE = "state.pt.sha256"  # beside it


def trial_id(number: int) -> str:
    """The name of the configuration at a position of the plan, the same in every session: its record's, for one."""
    return f"{number:04d}"
