"""Makes the browser's PNG files small: 256 colours are enough for a page, and pack several times better."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Iterator

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {2: 3, 6: 4}  # colours, colours with transparency: all that browsers write
_COLOURS, _FREQUENT = 256, 160
_LIKE = 600  # squared distance of two colours that nobody tells apart in a letter's edge


def shrunk(png: bytes) -> bytes:
    """The same picture in 256 colours: the frequent ones, rare ones like no other, the rest as the likest of them."""
    chunks = list(_chunks(png))
    width, height, depth, kind = struct.unpack(">IIBB", chunks[0][1][:10])
    assert depth == 8
    raw = zlib.decompress(b"".join(data for name, data in chunks if name == b"IDAT"))
    rows = [_colours(row, _CHANNELS[kind]) for row in _unfiltered(raw, width * _CHANNELS[kind], _CHANNELS[kind])]
    palette = _palette(rows)
    lines = b"".join(b"\0" + bytes(palette[colour] for colour in row) for row in rows)
    colours = b"".join(list(palette)[:_COLOURS])  # those that are kept
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = ((b"IHDR", header), (b"PLTE", colours), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    return _SIGNATURE + b"".join(_chunk(name, data) for name, data in parts)


def _palette(rows: list[list[bytes]]) -> dict[bytes, int]:
    """Every colour's number, those that are kept first and in their order."""
    frequency = Counter(colour for row in rows for colour in row)
    palette = [colour for colour, _ in frequency.most_common(_FREQUENT)]
    for colour, _ in frequency.most_common()[_FREQUENT:]:  # a logo's, say: rare, and like no other
        if len(palette) < _COLOURS and min(_unlike(colour, one) for one in palette) > _LIKE:
            palette.append(colour)
    numbers = {colour: number for number, colour in enumerate(palette)}
    for colour in frequency:
        if colour not in numbers:
            numbers[colour] = min(range(len(palette)), key=lambda number: _unlike(colour, palette[number]))
    return numbers


def _unlike(one: bytes, other: bytes) -> int:
    red, green, blue = one[0] - other[0], one[1] - other[1], one[2] - other[2]
    return red * red + green * green + blue * blue


def _colours(row: bytes, channels: int) -> list[bytes]:
    return [row[at : at + 3] for at in range(0, len(row), channels)]


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_SIGNATURE)
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += length + 12


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _unfiltered(raw: bytes, length: int, step: int) -> Iterator[bytes]:
    """The rows as they are, of how PNG keeps them: each byte as its difference from its neighbours (RFC 2083, 6)."""
    above = bytes(length)
    for start in range(0, len(raw), length + 1):
        kind, row = raw[start], bytearray(raw[start + 1 : start + 1 + length])
        if kind == 2:
            row = bytearray((a + b) & 255 for a, b in zip(row, above, strict=True))
        elif kind:
            for at in range(length):
                left = row[at - step] if at >= step else 0
                corner = above[at - step] if at >= step else 0
                guess = {1: left, 3: (left + above[at]) // 2}.get(kind)
                row[at] = (row[at] + (_paeth(left, above[at], corner) if guess is None else guess)) & 255
        above = bytes(row)
        yield above


def _paeth(left: int, above: int, corner: int) -> int:
    guess = left + above - corner
    return min((left, above, corner), key=lambda one: abs(guess - one))
