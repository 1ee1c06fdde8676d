"""``vpmem-harness nova-tests``: Nova's own tests on simulated hosts."""

from __future__ import annotations

import argparse
import os
import pathlib
import sys
import time

from vpmem_harness.cli.commands import Command
from vpmem_harness.cloud.nova import series
from vpmem_harness.exceptions import InvalidInputError, unwritable
from vpmem_harness.novatests.report import Report
from vpmem_harness.novatests.runner import Result, Runner


class NovaTests(Command):
    """Run functional tests of Nova's libvirt driver on simulated hosts.

    A TEST is the id of a test, a class, a module or a package, as in
    nova.tests.functional.libvirt.test_uefi. Without any, all tests of nova.tests.functional.libvirt
    run. The test classes stay unchanged, and Nova's mocks of disks stay. A test that passes without
    a call to a simulated host counts as not run. Tests that are known to depend on Nova's fake are
    a group of their own. The exit status is 1 if a test failed or was not run.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the options."""
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument('tests', metavar='TEST', nargs='*', help='ids of tests')
        parser.add_argument('--nova', metavar='PATH',
                            help='top directory of a checkout of Nova (default: the installed one)')
        parser.add_argument('--processes', metavar='N', type=int,
                            default=len(os.sched_getaffinity(0)),
                            help='number of processes that run tests (default: one for each CPU)')
        parser.add_argument('--timeout', metavar='SECONDS', type=float, default=300,
                            help='timeout of one test (default: %(default)s)')
        parser.add_argument('--on-fake', action='store_true',
                            help="run the tests on Nova's fake, to compare times")
        parser.add_argument('--json', metavar='FILE', help='write all results and errors to a file')
        parser.add_argument('--list', action='store_true', help='list the tests and exit')
        parser.add_argument('--quiet', action='store_true', help='do not list tests that pass')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        """Run the tests and return the exit status."""
        if parsed_args.processes < 1:
            raise InvalidInputError('--processes', expected='1 or more',
                                    got=str(parsed_args.processes), remedy='leave it out')
        if parsed_args.json is not None:
            _check_writable(parsed_args.json)
        runner = Runner(nova=parsed_args.nova, processes=parsed_args.processes,
                        timeout=parsed_args.timeout, plain=parsed_args.on_fake)
        tests = runner.tests(parsed_args.tests)
        if parsed_args.list:
            print('\n'.join(tests))
            return 0
        if parsed_args.nova is None and (untested := series.note(series.installed())):
            print(untested, file=sys.stderr)
        report = Report(on_fake=parsed_args.on_fake)

        def add(result: Result) -> None:
            group = report.add(result)
            if not (parsed_args.quiet and group == 'passed'):
                print(report.line(result, group), flush=True)

        begun = time.monotonic()
        try:
            runner.run(tests, add)
        finally:
            # An interrupted run keeps the results that it has.
            print(f'\n{report.summary()}\n{time.monotonic() - begun:.0f} s')
            if parsed_args.json is not None:
                _write(parsed_args.json, report.document())
        return 0 if report.ok else 1


def _write(path: str, document: str) -> None:
    try:
        pathlib.Path(path).write_text(document)
    except OSError as error:
        raise unwritable('--json', path, error) from error


def _check_writable(path: str) -> None:
    """Raise InvalidInputError if a file cannot be written, rather than after the tests."""
    try:
        with open(path, 'a'):
            pass
    except OSError as error:
        raise unwritable('--json', path, error) from error
