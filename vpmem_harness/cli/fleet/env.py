"""``vpmem-harness env``: commands that let a shell use a host."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Mapping

from vpmem_harness.cli.commands import Command
from vpmem_harness.cli.fleet import options
from vpmem_harness.fleet.places import VARIABLE

_URI_VARIABLE = 'LIBVIRT_DEFAULT_URI'


class Env(Command):
    """Print commands that let a shell use a host: HOST, or the first one.

    Evaluate them: eval "$(vpmem-harness env host2)". The host's ndctl, daxctl and daxio are then
    first on PATH, and LIBVIRT_DEFAULT_URI names its libvirt. --unset prints commands to undo this.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument('host', nargs='?', metavar='HOST', help='the host')
        parser.add_argument('--unset', action='store_true',
                            help='print commands that remove the host from the shell')
        options.add_client_options(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        if parsed_args.unset:
            print(unset(os.environ))
            return 0
        with options.connected(parsed_args) as client:
            found = client.call('environment', host=parsed_args.host)
            directory = str(client.location.directory)
        print(assignments({
            'PATH': os.pathsep.join([found['path'], *_own_path(os.environ)]),
            options.PATH_VARIABLE: found['path'],
            _URI_VARIABLE: found['uri'],
            options.HOST_VARIABLE: found['host'],
            VARIABLE: directory,
        }))
        return 0


def assignments(values: Mapping[str, str]) -> str:
    """Return commands that export variables, for a POSIX shell."""
    return '\n'.join(f'export {name}={shlex.quote(value)}' for name, value in values.items())


def unset(environ: Mapping[str, str]) -> str:
    """Return the commands that undo :func:`assignments`."""
    path = os.pathsep.join(_own_path(environ))
    return (f'export PATH={shlex.quote(path)}\n'
            f'unset {options.PATH_VARIABLE} {_URI_VARIABLE} {options.HOST_VARIABLE} {VARIABLE}')


def _own_path(environ: Mapping[str, str]) -> list[str]:
    """Return the directories of PATH without those that an earlier "env" has added."""
    path = environ.get('PATH', os.defpath).split(os.pathsep)
    before = environ.get(options.PATH_VARIABLE, '').split(os.pathsep)
    if path[:len(before)] == before:
        return path[len(before):]
    return [directory for directory in path if directory not in before or not directory]
