"""``vpmem-harness reboot``: restart a simulated host."""

from __future__ import annotations

import argparse
import os
import socket
from pathlib import Path

from vpmem_harness.cli.commands import Command
from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.host import processes
from vpmem_harness.host.calls import ToolCall
from vpmem_harness.host.layout import Layout


class Reboot(Command):
    """Restart a simulated host, within vpmem-harness run.

    Its domains stop, its clients lose their connections, and the namespaces of each region get new
    numbers, as when a kernel starts.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument('host', nargs='?', default='host1', metavar='HOST',
                            help='the host (host1, the one whose ndctl is on PATH)')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        directory = os.environ.get(processes.MARK)
        if directory is None:
            raise InvalidInputError(
                'reboot', expected='a shell or command of vpmem-harness run',
                got='no simulated hosts',
                remedy='start them, as in: vpmem-harness run --hosts 2 -- bash')
        reboot(Path(directory), parsed_args.host)
        return 0


def reboot(directory: Path, host: str) -> None:
    """Restart a host and wait for it; raises InvalidInputError if it does not exist."""
    path = Layout(directory / host).tools_socket
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(path))
        except OSError as error:
            there = [entry.name for entry in directory.glob('*') if Layout(entry).bin.is_dir()]
            raise InvalidInputError(
                'host', expected='one of ' + (', '.join(sorted(there)) or 'none: all have gone'),
                got=repr(host), remedy='name a running host') from error
        connection.sendall(ToolCall(['reboot']).request())
        while connection.recv(1024):
            pass
