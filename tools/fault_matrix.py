#!/usr/bin/env python3
"""Runs the fault matrix and writes its page of the reference; with ``--check`` only compares."""

from __future__ import annotations

import argparse
import itertools
import logging
import sys
from collections.abc import Iterable
from pathlib import Path

from vpmem_harness.chaos.matrix import KINDS, OPERATIONS, Matrix, Outcome
from vpmem_harness.chaos.runner import Player
from vpmem_harness.chaos.steps import Script

PAGE = Path(__file__).parent.parent / 'doc' / 'source' / 'reference' / 'fault-matrix.rst'

HEAD = """\
============
Fault matrix
============

..
   Written by tools/fault_matrix.py: run it after the stub has come to call something else.

What becomes of a server when one call to libvirt goes wrong on the way of an operation, on the
compute-service stub: every procedure that the operation calls, on either host, with every kind of
fault at its first call. The services have just started, and have no connection. *Error* is
``VIR_ERR_OPERATION_FAILED``; *drop before* and *drop after* cut the client off before the call
takes effect, and after it has.

"""

FOOT_GOOD = """
After each of the {count} cells the fleet was looked at: no namespace was claimed twice, and what
was booked, claimed, defined and left on disk was what the servers held, or what their service
removes when it starts the next time. Once it had, and the server was deleted, nothing of it was
left.
"""


def run(operations: Iterable[str]) -> list[Outcome]:
    """The outcomes of some of the operations."""
    script = Script(2, 'SMALL:2x4GiB,LARGE:1x16GiB', 1, ())
    with Player(script, resize_to_same_host=False) as player:
        return list(Matrix(player.fleet).run(operations))


def section(name: str, outcomes: Iterable[Outcome]) -> str:
    """One operation's table."""
    lines = [name.capitalize(), '=' * len(name), '', '.. list-table::', '   :header-rows: 1', '']
    lines += [f'   {"*" if not at else " "} - {head}'.rstrip()
              for at, head in enumerate(('procedure', 'on', *(kind.name for kind in KINDS)))]
    rows = itertools.groupby(outcomes, lambda one: (one.procedure, one.role))
    for (procedure, role), cells in rows:
        lines += [f'   * - ``{procedure}``', f'     - {role}']
        for cell in cells:
            wrong = f'; **{"; ".join(cell.wrong)}**' if cell.wrong else ''
            lines.append(f'     - {cell.state}{wrong}')
    return '\n'.join(lines) + '\n'


def page(outcomes: list[Outcome]) -> str:
    """The whole page."""
    sections = [section(name, list(of_one)) for name, of_one
                in itertools.groupby(outcomes, lambda one: one.operation)]
    wrong = sum(bool(one.wrong) for one in outcomes)
    foot = (f'\n**In {wrong} of the {len(outcomes)} cells something was wrong.**\n' if wrong
            else FOOT_GOOD.format(count=len(outcomes)))
    return HEAD + '\n'.join(sections) + foot


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--check', action='store_true', help='fail if the page is out of date')
    arguments = parser.parse_args()
    logging.getLogger('vpmem_harness').setLevel(logging.CRITICAL)
    text = page(run(one.name for one in OPERATIONS))
    if arguments.check:
        return int(text != PAGE.read_text())
    PAGE.write_text(text)
    return 0


if __name__ == '__main__':
    sys.exit(main())
