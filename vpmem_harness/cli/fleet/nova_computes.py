"""``vpmem-harness nova-computes``: ordinary nova-computes that share memory."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from vpmem_harness.cli.commands import Command
from vpmem_harness.fleet import forked_computes, nova_conf


class NovaComputes(Command):
    """Run a nova-compute for each host of DIR, which nova-conf has written.

    One parent imports Nova once and forks a process for each host. The processes share the memory
    of the import, so that a machine has room for several times as many. The output of each goes to
    DIR/HOST/nova-compute.log. SIGTERM, SIGINT, SIGHUP, SIGUSR1 and SIGUSR2 are passed on to all.
    The command ends when all processes have ended; it restarts none. Its exit status is 0 if each
    ended with 0 after a signal, and otherwise 1. Nova must be installed beside this command.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument('directory', metavar='DIR', type=Path,
                            help='the directory that nova-conf has written to')
        parser.add_argument('hosts', nargs='*', metavar='HOST', help='these hosts only')
        parser.add_argument('--common', metavar='FILE', type=Path, default=nova_conf.COMMON,
                            help='the options that all services of the cloud share '
                            '(default: %(default)s)')
        parser.add_argument('--interval', metavar='SECONDS', type=float, default=0.5,
                            help='time between the starts of two computes, so that many do not '
                            'overload the services of the cloud (default: %(default)s)')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        words = forked_computes.command(
            parsed_args.common, parsed_args.interval,
            forked_computes.hosts(parsed_args.directory, parsed_args.hosts))
        # A new interpreter has nothing else in its memory, and no handlers of signals.
        os.execv(words[0], words)  # noqa: S606 - our own module
