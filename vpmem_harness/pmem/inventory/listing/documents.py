"""The JSON documents of a listing: the output of one command, or several outputs."""

from __future__ import annotations

import json
import os
import re
from typing import Any, NamedTuple

from vpmem_harness.pmem.inventory.listing.refusal import refusal

#: Lines between documents: comments, the prompt of a shell with a command, and results.
_COMMENT = re.compile(r'[ \t]*#[^\n]*')
_PROMPT = re.compile(r'[^\n"]*[#$%>][ \t]*(?:sudo[ \t]+)?(?:ndctl|daxctl|ipmctl|uname)\b[^\n]*')
_RESULT = re.compile(r'(?:created|reconfigured|enabled|disabled) \d+ \w+')
_VERSION = re.compile(r'# (ndctl|kernel) (\d+(?:\.\d+)*)\S*')

_CONTENTS = 'pass the contents of the file, as in Path(...).read_text()'


class Document(NamedTuple):
    """One JSON value, and the line of the text on which it begins."""

    value: Any
    line: int


class Documents(NamedTuple):
    """The documents of a text, and the versions that the command ``collect`` has noted in it.

    ``long_reals`` says whether numbers have six decimals.
    """

    found: list[Document]
    ndctl: str | None
    kernel: str | None
    long_reals: bool


def split(text: str) -> Documents:
    """Return the documents of a text; raises InvalidInputError with line and column."""
    if not isinstance(text, str):
        raise refusal('text', 'a text', f'a {type(text).__name__}', _CONTENTS)
    if os.path.isfile(text):
        raise refusal('text', 'what ndctl or daxctl printed', 'the name of a file', _CONTENTS)
    text = text.removeprefix('\ufeff')
    reals: list[str] = []

    def real(digits: str) -> float:
        reals.append(digits)
        return float(digits)

    decoder = json.JSONDecoder(parse_constant=_no_constant, parse_float=real, strict=False)
    found: list[Document] = []
    versions: dict[str, str] = {}
    position = 0
    while (position := _skip(text, position, versions)) < len(text):
        line = text.count('\n', 0, position) + 1
        try:
            value, position = decoder.raw_decode(text, position)
        except json.JSONDecodeError as error:
            raise refusal(f'line {error.lineno}, column {error.colno}', 'JSON, as in '
                          '[{"dev":"namespace0.0",...}]', _no_json(error.msg)) from None
        except (ValueError, RecursionError) as error:
            raise refusal(f'line {line}', 'JSON', _no_json(str(error))) from None
        found.append(Document(value, line))
    return Documents(found, versions.get('ndctl'), versions.get('kernel'), bool(reals) and all(
        re.fullmatch(r'-?\d+\.\d{6}', digits) for digits in reals))


def _no_json(reason: str) -> str:
    return f'something else ({reason})'


def _skip(text: str, position: int, versions: dict[str, str]) -> int:
    """Return where the next document begins, behind blanks, comments and prompts."""
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        line = next((match for pattern in (_COMMENT, _PROMPT, _RESULT)
                     if (match := pattern.match(text, position))), None)
        if line is None:
            break
        if noted := _VERSION.fullmatch(line[0].strip()):
            versions[noted[1]] = noted[2]
        position = line.end()
    return position


def _no_constant(name: str) -> None:
    raise ValueError(f'{name} is no number')
