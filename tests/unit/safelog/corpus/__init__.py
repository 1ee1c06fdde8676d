"""Log lines, each with what redaction makes of it.

The files ``*.txt`` beside this one hold them, one group a file::

    | a line as a program writes it, with placeholders for what identifies
    + the next line of the same text
    > what is expected
    + the next line of that

A text without ``>`` stays as it is. Placeholders are filled in from a seed, since the source holds
no UUID and no secret: ``%uuid1%``, ``%UUID1%`` in upper case, ``%hex1%`` without dashes and
``%under1%`` with underscores in their place, ``%mac1%``, and ``%secret1%``.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re

from vpmem_harness.randomness import Randomness

FOLDER = pathlib.Path(__file__).parent
GROUPS = sorted(path.stem for path in FOLDER.glob('*.txt'))

_PLACEHOLDER = re.compile(r'%([A-Za-z]+)(\d)%')


@dataclasses.dataclass
class Case:
    """A text with placeholders, and what is expected of it."""

    group: str
    number: int     # its line in the file
    text: str
    expected: str


def cases(group: str) -> list[Case]:
    """The texts of a group."""
    found: list[Case] = []
    expected = False
    for number, line in enumerate((FOLDER / f'{group}.txt').read_text().splitlines(), 1):
        mark, text = line[:2], line[2:]
        if mark == '| ':
            found.append(Case(group, number, text, text))
            expected = False
        elif mark == '> ':
            found[-1].expected = text
            expected = True
        elif mark == '+ ':
            found[-1].expected += f'\n{text}'
            if not expected:
                found[-1].text += f'\n{text}'
        elif line and not line.startswith('#'):
            raise ValueError(f'{group}.txt, line {number}: no mark')
    return found


class Placeholders:
    """What stands for each placeholder, the same during one test."""

    def __init__(self, randomness: Randomness) -> None:
        self._randomness = randomness
        self._values: dict[tuple[str, str], str] = {}

    def fill(self, text: str) -> str:
        """The text with values in place of placeholders."""
        return _PLACEHOLDER.sub(lambda found: self._value(found[1], found[2]), text)

    def _value(self, kind: str, number: str) -> str:
        if kind == 'secret':
            return self._once('secret', number, lambda: f'Cn{self._randomness.bytes(6).hex()}')
        if kind == 'mac':
            return self._once('mac', number, self._randomness.mac)
        uuid = self._once('uuid', number, self._randomness.uuid)
        return {'uuid': uuid, 'UUID': uuid.upper(), 'hex': uuid.replace('-', ''),
                'under': uuid.replace('-', '_')}[kind]

    def _once(self, kind: str, number: str, make) -> str:
        if (kind, number) not in self._values:
            self._values[kind, number] = make()
        return self._values[kind, number]

    @property
    def identifying(self) -> list[str]:
        """All values so far, each of which identifies somebody."""
        return list(self._values.values())
