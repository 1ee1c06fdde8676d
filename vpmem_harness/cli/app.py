"""The application: global options, help and errors."""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import itertools
import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence

from cliff import app

from vpmem_harness import safelog
from vpmem_harness.cli import signals, standard_output
from vpmem_harness.cli.commands import COMMANDS, Commands
from vpmem_harness.exceptions import InvalidInputError, unwritable
from vpmem_harness.safelog.pseudonyms import check_place

NAME = 'vpmem-harness'
DESCRIPTION = 'Simulated libvirt hosts with persistent memory, for tests'

#: Exit status for an invalid command line, as in argparse.
_USAGE = 2

#: Options of the application, which precede the command.
_OWN_OPTIONS = ('--version', '-v', '--verbose', '--log-file', '--unsafe-logs',
                '--save-pseudonyms', '--debug')


class App(app.App):
    """The application ``vpmem-harness``."""

    NAME = NAME
    LOG = logging.getLogger(NAME)
    DEFAULT_VERBOSE_LEVEL = 0

    def __init__(self) -> None:
        super().__init__(description=DESCRIPTION, version=None, command_manager=Commands())
        #: The whole command line.
        self.argv: list[str] = []

    def build_option_parser(self, description: str | None, version: str | None,
                            argparse_kwargs: dict[str, object] | None = None,
                            ) -> argparse.ArgumentParser:
        """Return the parser of global options; the help does not load commands."""
        width = max(len(entry.name) for entry in COMMANDS)
        parser = argparse.ArgumentParser(
            prog=self.NAME, description=description, allow_abbrev=False,
            usage='%(prog)s [OPTION]... COMMAND [ARGUMENT]...',
            formatter_class=argparse.RawDescriptionHelpFormatter,
            epilog='\n'.join([
                'commands:',
                *(f'  {entry.name:{width}}  {entry.summary}' for entry in COMMANDS), '',
                f'`{self.NAME} COMMAND --help` describes a command.']))
        parser.add_argument('--version', action=_VersionAction, nargs=0,
                            help='show the version and exit')
        parser.add_argument('-v', '--verbose', action='count', dest='verbose_level',
                            default=self.DEFAULT_VERBOSE_LEVEL,
                            help='print more on standard error; can be repeated')
        parser.add_argument('--log-file', metavar='FILE', help='also write the log to a file')
        parser.add_argument('--unsafe-logs', action='store_true', default=None,
                            help='do not redact UUIDs, names, addresses and secrets in the log')
        parser.add_argument('--save-pseudonyms', metavar='FILE',
                            help='write what is behind the pseudonyms of the log to a file for '
                                 'you alone, which the command resolve reads')
        parser.add_argument('--debug', action='store_true', help='show tracebacks of errors')
        return parser

    def run(self, argv: list[str]) -> int:
        """Run the command in ``argv`` and return its exit status."""
        self.argv = argv
        words = _options_before_command(argv)
        if words == len(argv):
            self.parser.parse_args(argv)    # --help and --version exit here
            self.parser.print_usage(self.stderr)
            self.stderr.write(f'{self.NAME}: name a command; --help lists them\n')
            return _USAGE
        # Words after the name of the command belong to it: `run ... -- virsh --version`.
        self.options = self.parser.parse_args(argv[:words])
        # The cleanup runs whenever a signal arrives.
        with signals.deferred(), contextlib.ExitStack() as stack:
            stack.enter_context(_logging_restored())
            try:
                self.configure_logging()
            except OSError as error:
                self.stderr.write(f'{unwritable("--log-file", self.options.log_file, error)}\n')
                return 1
            try:
                redactor = stack.enter_context(
                    safelog.activated(unsafe=self.options.unsafe_logs))
                if self.options.save_pseudonyms is not None:
                    check_place(self.options.save_pseudonyms)
                    stack.callback(redactor.pseudonyms.save, self.options.save_pseudonyms)
            except InvalidInputError as error:
                self.LOG.error(error)
                return 1
            # Imported here: the help does not need oslo.config.
            from vpmem_harness import conf

            conf.report_unknown(self.LOG.warning)
            self.interactive_mode = False
            try:
                with signals.allowed():
                    status = self.run_subcommand(argv[words:])
            except signals.Ended as end:
                return 128 + end.number
            except KeyboardInterrupt:
                return 128 + signal.SIGINT
            except BrokenPipeError:
                # The reader has closed the pipe. Without this the interpreter prints an error.
                sys.stdout = None
                return standard_output.NO_READER
            return int(status or 0)

    def run_subcommand(self, argv: list[str]) -> int:
        """Run the command in ``argv``; report an unknown one on standard error."""
        try:
            self.command_manager.find_command(argv)
        except ValueError:
            words = list(itertools.takewhile(lambda word: not word.startswith('-'), argv))
            near = ''.join(f'\n  {name}' for name in self.get_fuzzy_matches(argv[0]))
            self.stderr.write(
                f"{self.NAME}: there is no command {' '.join(words[:2])!r}; --help lists the "
                f'commands\ndid you mean one of these?{near}\n')
            return _USAGE
        try:
            return super().run_subcommand(argv)
        except SystemExit as error:
            own = [word for word in itertools.takewhile(lambda word: word != '--', argv)
                   if word.partition('=')[0] in _OWN_OPTIONS]
            if error.code == _USAGE and own:
                self.stderr.write(f'{self.NAME}: put {own[0]} before the command\n')
            raise


class _VersionAction(argparse.Action):
    """Prints the version; the lookup is slow, so it happens only here."""

    def __call__(self, parser: argparse.ArgumentParser, *rest: object) -> None:
        try:
            version = importlib.metadata.version(NAME)
        except importlib.metadata.PackageNotFoundError:
            version = '(not installed)'
        print(NAME, version)
        parser.exit()


def _options_before_command(argv: Sequence[str]) -> int:
    """Return the number of words in ``argv`` before the name of the command."""
    words = iter(enumerate(argv))
    for number, word in words:
        if word in ('--log-file', '--save-pseudonyms'):
            next(words, None)
        elif not word.startswith('-'):
            return number
    return len(argv)


@contextlib.contextmanager
def _logging_restored() -> Iterator[None]:
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    try:
        yield
    finally:
        root.setLevel(level)
        for handler in [handler for handler in root.handlers if handler not in handlers]:
            root.removeHandler(handler)
            with contextlib.suppress(OSError):      # that of a lost record, which is reported
                handler.close()


@contextlib.contextmanager
def _closed_streams_replaced() -> Iterator[None]:
    """Discard what is written to standard output or standard error if it is closed.

    Python has None in its place. ``print`` would then write errors to standard output, and the
    next file that is opened would get its descriptor.
    """
    with contextlib.ExitStack() as stack:
        for name in ('stdout', 'stderr'):
            if getattr(sys, name) is None:
                null = stack.enter_context(open(os.devnull, 'w', encoding='utf-8'))
                stack.callback(setattr, sys, name, None)
                setattr(sys, name, null)
        yield


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    with _closed_streams_replaced():
        try:
            with standard_output.checked():
                return App().run(list(sys.argv[1:] if argv is None else argv))
        except BrokenPipeError:
            return standard_output.NO_READER
        except standard_output.OutputError as error:
            sys.stderr.write(f'{error}\n')
            return 1
