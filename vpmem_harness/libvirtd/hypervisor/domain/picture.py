"""Pictures of guests' screens: PNG files that name the domain."""

from __future__ import annotations

import struct
import zlib
from typing import Final

#: Width and height of a VGA text screen in pixels.
WIDTH, HEIGHT = 720, 400
#: Pixels of the screen for each pixel of a letter.
_SCALE: Final = 3
_WHITE, _BLACK = b'\xff', b'\0'

#: Letters of five by seven pixels: one number for each row, whose highest of five bits is left.
_FONT: Final = {letter: tuple(int(row, 16) for row in rows.split()) for letter, rows in {
    'a': 'e 11 11 1f 11 11 11', 'b': '1e 11 11 1e 11 11 1e', 'c': 'e 11 10 10 10 11 e',
    'd': '1e 11 11 11 11 11 1e', 'e': '1f 10 10 1e 10 10 1f', 'f': '1f 10 10 1e 10 10 10',
    'g': 'e 11 10 17 11 11 f', 'h': '11 11 11 1f 11 11 11', 'i': 'e 4 4 4 4 4 e',
    'j': '7 2 2 2 2 12 c', 'k': '11 12 14 18 14 12 11', 'l': '10 10 10 10 10 10 1f',
    'm': '11 1b 15 15 11 11 11', 'n': '11 19 15 13 11 11 11', 'o': 'e 11 11 11 11 11 e',
    'p': '1e 11 11 1e 10 10 10', 'q': 'e 11 11 11 15 12 d', 'r': '1e 11 11 1e 14 12 11',
    's': 'f 10 10 e 1 1 1e', 't': '1f 4 4 4 4 4 4', 'u': '11 11 11 11 11 11 e',
    'v': '11 11 11 11 11 a 4', 'w': '11 11 11 15 15 1b 11', 'x': '11 11 a 4 a 11 11',
    'y': '11 11 a 4 4 4 4', 'z': '1f 1 2 4 8 10 1f', '0': 'e 11 13 15 19 11 e',
    '1': '4 c 4 4 4 4 e', '2': 'e 11 1 6 8 10 1f', '3': '1f 2 4 2 1 11 e',
    '4': '2 6 a 12 1f 2 2', '5': '1f 10 1e 1 1 11 e', '6': '6 8 10 1e 11 11 e',
    '7': '1f 1 2 4 8 8 8', '8': 'e 11 11 e 11 11 e', '9': 'e 11 11 f 1 2 c',
    '-': '0 0 0 1f 0 0 0', '_': '0 0 0 0 0 0 1f', '.': '0 0 0 0 0 c c', ' ': '0 0 0 0 0 0 0',
    '?': 'e 11 1 2 4 0 4'}.items()}


def of(text: str) -> bytes:
    """Return a PNG file of a black screen with ``text`` in white, cut to the screen's width.

    Letters are shown without their case, other characters as a question mark.
    """
    letters = text.lower()[:WIDTH // (6 * _SCALE)]
    rows = [_BLACK * WIDTH] * _SCALE
    for number in range(7):
        row = bytearray()
        for letter in letters:
            bits = _FONT.get(letter, _FONT['?'])[number] << 1
            for place in range(5, -1, -1):
                row += (_WHITE if bits >> place & 1 else _BLACK) * _SCALE
        rows += [bytes(row.ljust(WIDTH, _BLACK))] * _SCALE
    rows += [_BLACK * WIDTH] * (HEIGHT - len(rows))
    pixels = b''.join(b'\0' + row for row in rows)
    return (b'\x89PNG\r\n\x1a\n'
            + _chunk(b'IHDR', struct.pack('>IIBBBBB', WIDTH, HEIGHT, 8, 0, 0, 0, 0))
            + _chunk(b'IDAT', zlib.compress(pixels)) + _chunk(b'IEND', b''))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
