"""Frames of the link: COBS coding between zero bytes, header and CRC-32, commands, status (docs/link_protocol.md)."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum

ANSWER = 0x80
"""Bit of the command that tells an answer from a request."""

_HEADER = struct.Struct("<BBH")
_CRC = struct.Struct("<I")
_BLOCK = 254


class Request(IntEnum):
    """Commands of the protocol."""

    INFO = 1
    RESET = 2
    STEP = 3
    RUN = 4
    SAVE = 5
    LOAD = 6
    SELF_TEST = 7
    CYCLES = 8
    STACK = 9
    COUNTERS = 10
    CLEAR = 11
    REPLY = 12
    HEAR = 13


class Status(IntEnum):
    """First byte of every answer."""

    OK = 0
    DAMAGED = 1
    WRONG_LENGTH = 2
    UNKNOWN = 3
    BAD_ARGUMENT = 4
    REPEATED = 5
    TABLES_DAMAGED = 6
    NO_COUNTERS = 7


@dataclass(frozen=True)
class Frame:
    """One request or answer; all numbers on the wire are little-endian."""

    sequence: int
    command: int
    payload: bytes

    def to_wire(self) -> bytes:
        """The bytes to send, with the zero on either side."""
        body = _HEADER.pack(self.sequence, self.command, len(self.payload)) + self.payload
        return b"\0" + cobs_encode(body + _CRC.pack(zlib.crc32(body))) + b"\0"

    @classmethod
    def from_wire(cls, coded: bytes) -> Frame:
        """The frame of the bytes between two zeros; ValueError where they are damaged."""
        decoded = cobs_decode(coded)
        if len(decoded) < _HEADER.size + _CRC.size:
            raise ValueError("a frame is too short")
        body, crc = decoded[: -_CRC.size], decoded[-_CRC.size :]
        if crc != _CRC.pack(zlib.crc32(body)):
            raise ValueError("a frame has a wrong CRC")
        sequence, command, length = _HEADER.unpack_from(body)
        payload = body[_HEADER.size :]
        if length != len(payload):
            raise ValueError("a frame has another length than it says")
        return cls(sequence, command, payload)


def cobs_encode(data: bytes) -> bytes:
    """Without zeros: each zero, and one imagined behind the end, becomes the length of the block before it.

    A block of 254 bytes ends without a zero.
    """
    coded = bytearray()
    for part in data.split(b"\0"):
        while len(part) >= _BLOCK:
            coded += b"\xff" + part[:_BLOCK]
            part = part[_BLOCK:]
        coded += bytes([len(part) + 1]) + part
    return bytes(coded)


def cobs_decode(coded: bytes) -> bytes:
    """What was encoded; ValueError where the last block is cut off."""
    data = bytearray()
    start = 0
    while start < len(coded):
        length = coded[start]
        block = coded[start + 1 : start + length]
        if length == 0 or len(block) != length - 1:
            raise ValueError("a COBS block is cut off")
        start += length
        data += block
        if length <= _BLOCK and start < len(coded):
            data.append(0)
    return bytes(data)
