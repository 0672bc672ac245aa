"""TensorBoard's event files, written without TensorFlow or tensorboardX, whose import is that of torch.

An event is a protocol buffer (tensorboard/compat/proto: event, summary; plugins/hparams: api, plugin_data), framed as a
record of a TFRecord file.
"""

import struct
import time
from collections.abc import Mapping
from pathlib import Path

Scalar = str | bool | int | float

_HPARAMS = "hparams"
_CASTAGNOLI = 0x82F63B78  # the polynomial of CRC-32C, its bits reversed (RFC 3720)


def append_events(file: Path, *events: bytes) -> None:
    """Add events to a file, which is made with its first ones.

    Raises:
        OSError: it cannot be written.
    """
    with file.open("ab") as stream:
        if not stream.tell():
            events = (_event(_field(3, b"brain.Event:2")), *events)
        stream.write(b"".join(map(_framed, events)))


def scalars(step: int, values: Mapping[str, float]) -> bytes:
    """An event that gives tags a value each."""
    summary = b"".join(
        _field(1, _field(1, tag.encode()) + _key(2, 5) + struct.pack("<f", value)) for tag, value in values.items()
    )
    return _event(_key(2, 0) + _varint(step) + _field(5, summary))


def hyperparameters(group: str, values: Mapping[str, Scalar], metrics: tuple[str, ...]) -> list[bytes]:
    """Events that show a run in the page HPARAMS, beside the last values of some tags.

    Args:
        group: runs of one group are shown as one, with their mean.
        values: by name.
        metrics: the tags.
    """
    infos = b"".join(
        _field(4, _field(1, name.encode()) + _key(4, 0) + _varint(_type_of(v))) for name, v in values.items()
    )
    tags = b"".join(_field(5, _field(1, _field(2, tag.encode()))) for tag in metrics)
    start = b"".join(_field(1, _field(1, name.encode()) + _field(2, _value(v))) for name, v in values.items())
    return [
        _plugin("_hparams_/experiment", _field(2, infos + tags)),
        _plugin("_hparams_/session_start_info", _field(3, start + _field(4, group.encode()))),
    ]


def _plugin(tag: str, content: bytes) -> bytes:
    metadata = _field(1, _field(1, _HPARAMS.encode()) + _field(2, content))
    return _event(_field(5, _field(1, _field(1, tag.encode()) + _field(9, metadata))))


def _event(content: bytes) -> bytes:
    return _double(1, time.time()) + content


def _type_of(value: Scalar) -> int:
    """Of DataType: string, bool or float64."""
    return 1 if isinstance(value, str) else 2 if isinstance(value, bool) else 3


def _value(value: Scalar) -> bytes:
    """As google.protobuf.Value."""
    if isinstance(value, str):
        return _field(3, value.encode())
    return _key(4, 0) + _varint(value) if isinstance(value, bool) else _double(2, value)


def _key(number: int, wire_type: int) -> bytes:
    return _varint(number << 3 | wire_type)


def _field(number: int, content: bytes) -> bytes:
    return _key(number, 2) + _varint(len(content)) + content


def _double(number: int, value: float) -> bytes:
    return _key(number, 1) + struct.pack("<d", value)


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first."""
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


def _framed(content: bytes) -> bytes:
    """Length and content, each followed by its masked CRC-32C."""
    length = struct.pack("<Q", len(content))
    return length + _checksum(length) + content + _checksum(content)


def _checksum(content: bytes) -> bytes:
    crc = 0xFFFFFFFF
    for byte in content:
        crc = _TABLE[(crc ^ byte) & 255] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def _entry(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (_CASTAGNOLI if byte & 1 else 0)
    return byte


_TABLE = [_entry(byte) for byte in range(256)]
