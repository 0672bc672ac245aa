"""Reads TensorBoard's event files, checksums included."""

import struct
from pathlib import Path
from typing import Any

from tensorboardX.proto import event_pb2
from tensorboardX.record_writer import masked_crc32c


def read_events(file: Path) -> list[Any]:
    """Every event of the file, which must be whole, as the protocol buffer that tensorboardX has of it."""
    content, events = file.read_bytes(), []
    event_type: Any = vars(event_pb2)["Event"]
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        assert struct.unpack("<I", content[8:12]) == (masked_crc32c(content[:8]),)
        event = content[12 : 12 + length]
        assert len(event) == length
        assert struct.unpack("<I", content[12 + length : 16 + length]) == (masked_crc32c(event),)
        events.append(event_type.FromString(event))
        content = content[16 + length :]
    return events
