"""Code blocks of the documentation, as executed by the tests."""

from __future__ import annotations

import ast
import pathlib
import re
import textwrap
from collections.abc import Iterator
from typing import NamedTuple

ROOT = pathlib.Path(__file__).parents[2]
DOC = ROOT / 'doc' / 'source'

#: Every page, by its path in the project.
PAGES = {path.relative_to(ROOT).as_posix(): path for path in (
    *sorted(ROOT.glob('*.rst')), *sorted(DOC.rglob('*.rst')),
    *sorted((ROOT / 'tools').rglob('*.rst')))}

_CODE = re.compile(r'( *)\.\. code-block::\s*(\S+)')
_NOT_RUN = re.compile(r' *\.\. not run: (.+)')
_DIRECTIVE = re.compile(r' *\.\. ')


class Block(NamedTuple):
    """A code block; ``not_run`` is the reason why it cannot be executed."""

    page: str
    line: int
    language: str
    text: str
    not_run: str | None = None

    def __str__(self) -> str:
        return f'{self.page}:{self.line}'


def blocks(page: str) -> Iterator[Block]:
    """Yield the blocks of a page; a block after a bare ``::`` has the language ``none``."""
    lines = PAGES[page].read_text().splitlines()
    reason = None
    for number, line in enumerate(lines):
        if marked := _NOT_RUN.fullmatch(line):
            reason = marked[1]
            continue
        code = _CODE.fullmatch(line)
        bare = line.rstrip().endswith('::') and not _DIRECTIVE.match(line)
        if code or bare:
            text = _body(lines[number + 1:], len(line) - len(line.lstrip()))
            yield Block(page, number + 1, code[2] if code else 'none', text, reason)
        if line.strip():
            reason = None


def _body(lines: list[str], indent: int) -> str:
    taken: list[str] = []
    for line in lines:
        if line.strip() and len(line) - len(line.lstrip()) <= indent:
            break
        taken.append(line)
    return textwrap.dedent('\n'.join(taken)).strip('\n')


def is_code(text: str) -> bool:
    """Return whether a plain block contains Python statements or a command line."""
    if re.match(r'(\$ |\./dev |vpmem-harness |python |pip |apt-get |virsh |ndctl )', text):
        return True
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return False
    does = (ast.Call, ast.Import, ast.ImportFrom, ast.ClassDef, ast.FunctionDef, ast.Assign)
    return any(isinstance(node, does) for node in ast.walk(tree))


def commands(text: str) -> list[str]:
    """Return the commands of a shell block; an open quote or a backslash continues a line."""
    found: list[str] = []
    pending = ''
    for line in text.splitlines():
        pending = f'{pending}\n{line}' if pending else line
        if pending.endswith('\\'):
            pending = pending[:-1]
        elif pending.count("'") % 2 == 0 and pending.count('"') % 2 == 0:
            if command := re.sub(r'\s+#\s.*', '', pending).strip():
                found.append(command)
            pending = ''
    return found
