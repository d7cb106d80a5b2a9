"""Tags of the elements of MATLAB files of version 5, checked before SciPy reads them: a wrong type ends the process."""

import struct
from typing import BinaryIO

MATRIX = 14
"""Type of an element that holds others."""

TYPES = frozenset((*range(1, 8), 9, 12, 13, MATRIX, 16, 17, 18))
"""Types of elements within a variable."""

FLAGS, CLASSES = (6, 8), range(1, 19)
"""Type and size of the first element of a variable, and the classes that it may say."""

NUMBERS, SPARSE, COMPLEX = range(4, 16), 5, 0x800
"""Classes of characters and numbers, the one of sparse matrices, and the flag of complex numbers."""

DEEPEST = 32
"""Variables within one another that are followed; more of them would end the process too."""


def first_wrong(stream: BinaryIO, start: int, end: int, order: str, depth: int = 0) -> int | None:
    """Place of the first element of a variable, from byte `start` to `end`, that cannot be; None where all can."""
    place, kinds, says = start, [], 0
    while place < end:
        stream.seek(place)
        tag = stream.read(8)
        if len(tag) < 8 or depth > DEEPEST:
            return place
        kind, size = struct.unpack(f"{order}II", tag)
        small = kind >> 16  # bytes of an element that stands within its tag
        kind, length = (kind & 0xFFFF, 0) if small else (kind, -(-size // 8) * 8)
        if kind not in TYPES or small > 4 or place + 8 + size * (not small) > end:
            return place
        if place == start:
            says = _flags(stream, (kind, size), order)
            if says & 0xFF not in CLASSES:
                return place
        kinds.append(kind)
        if kind == MATRIX and size:
            wrong = first_wrong(stream, place + 8, place + 8 + size, order, depth + 1)
            if wrong is not None:
                return wrong
        place += 8 + length
    return None if not kinds or _has_parts(kinds, says) else start


def _flags(stream: BinaryIO, tag: tuple[int, int], order: str) -> int:
    """Class and flags of a variable, which stand after this tag; 0 where it is another element."""
    flags = stream.read(4)
    found: int = struct.unpack(f"{order}I", flags)[0] if tag == FLAGS and len(flags) == 4 else 0
    return found


def _has_parts(kinds: list[int], says: int) -> bool:
    """True if a variable of numbers or characters has the parts that its flags say; others are read by their tags."""
    if says & 0xFF in NUMBERS:
        least = (6 if says & 0xFF == SPARSE else 4) + bool(says & COMPLEX)
        return len(kinds) >= least and MATRIX not in kinds
    return True
