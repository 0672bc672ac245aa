"""What the records of earlier sessions hold, read once."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from study.contract.records import EpochLine, Record, read_record
from study.plan.planned import RunKey
from study.results.paths import ResultsDirectory


@dataclass
class History:
    """The lines of every record.

    Attributes:
        records: by trial_id.
        problems: lines and files that could not be read, each with its place.
        forgotten: whether the lines have been let go of.
    """

    records: dict[str, Record] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    forgotten: bool = False
    _lines: dict[RunKey, list[EpochLine]] = field(default_factory=dict)
    _format_1_seeds: dict[str, tuple[int, ...]] = field(default_factory=dict)
    _headers: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._headers = set(self.records)
        self._format_1_seeds = {name: record.seeds for name, record in self.records.items() if record.seeds}
        for name, record in self.records.items():
            for line in record.lines:
                for seed in line["seeds"]:
                    self._lines.setdefault((name, seed), []).append(line)

    def lines_of(self, run: RunKey) -> Iterable[EpochLine]:
        """The lines that hold an epoch of a run, in the order of its record."""
        return self._lines.get(run, ())

    def has_header(self, trial_id: str) -> bool:
        """Whether the record says of which configuration it is."""
        return trial_id in self._headers

    def seeds_of_format_1(self, trial_id: str) -> tuple[int, ...]:
        """The seeds that a record of the first format names in its header; empty for others."""
        return self._format_1_seeds.get(trial_id, ())

    def header_written(self, trial_id: str) -> None:
        """The record says so now."""
        self._headers.add(trial_id)

    def forget_lines(self) -> None:
        """Free the memory of what has been taken up."""
        self.records, self._lines, self.forgotten = {}, {}, True


def read_history(results: ResultsDirectory) -> History:
    """Read every record.

    Raises:
        OSError: one cannot be read, though it is there.
    """
    records: dict[str, Record] = {}
    problems: list[str] = []
    for path in sorted(_record_files(results)):
        record, found = read_record(path)
        problems += found
        if record is not None:
            records[record.trial_id] = record
    return History(records, problems)


def _record_files(results: ResultsDirectory) -> Iterable[Path]:
    return results.records.glob("*.jsonl")
