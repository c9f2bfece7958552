"""UF2 files: 512-byte blocks, each with its own address, so that a drive may take them in any order.

A block is: two magic words, flags, address, payload size, block number, number of blocks, family; 476 bytes of which
the first 256 are payload; a last magic word. All words are 32 bits, little-endian.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from ..errors import UserError

PAYLOAD = 256
_BLOCK = struct.Struct("<8I476sI")
_MAGIC = (0x0A324655, 0x9E5D5157, 0x0AB16F30)
_NOT_FLASH, _HAS_FAMILY = 0x0001, 0x2000


@dataclass(frozen=True)
class Contents:
    """What a file puts where: bytes from one first address on, whole payloads, for one family of chips."""

    origin: int
    data: bytes
    family: int


def write(contents: Contents) -> bytes:
    """The file; zeros fill the last payload. UserError where the address is no multiple of 256 (a page of RP2040)."""
    if contents.origin % PAYLOAD or not contents.data:
        raise UserError(
            f"UF2 takes at least one byte from an address that is a multiple of {PAYLOAD} on, "
            f"not {len(contents.data)} bytes from {contents.origin:#x} on; correct the board's flash."
        )
    count = -(-len(contents.data) // PAYLOAD)
    return b"".join(
        _BLOCK.pack(
            *_MAGIC[:2],
            *(_HAS_FAMILY, contents.origin + number * PAYLOAD, PAYLOAD, number, count, contents.family),
            contents.data[number * PAYLOAD : (number + 1) * PAYLOAD],
            _MAGIC[2],
        )
        for number in range(count)
    )


def read(file: bytes) -> Contents:
    """The contents of a file as `write` makes them; UserError at the first block that is not as it should be.

    Blocks that are not for the flash are skipped, as the standard says.
    """
    if not file or len(file) % _BLOCK.size:
        raise UserError(f"A UF2 file has blocks of {_BLOCK.size} bytes, this one has {len(file)} bytes; write it anew.")
    blocks = [_BLOCK.unpack_from(file, offset) for offset in range(0, len(file), _BLOCK.size)]
    blocks = [block for block in blocks if not block[2] & _NOT_FLASH]
    if not blocks:
        raise UserError("The UF2 file has no block for the flash; write it anew.")
    first = blocks[0]
    for number, block in enumerate(blocks):
        wanted = (first[2], first[3] + number * PAYLOAD, PAYLOAD, number, len(blocks), first[7])
        if (*block[:2], block[9]) != _MAGIC or block[2:8] != wanted:
            raise UserError(f"Block {number} of the UF2 file is damaged or out of place; write the file anew.")
    family = first[7] if first[2] & _HAS_FAMILY else 0
    return Contents(first[3], b"".join(block[8][:PAYLOAD] for block in blocks), family)
