"""The options of the harness, from files, the environment and the command line.

Every reading has an instance of oslo.config of its own: the ``CONF`` of the process belongs to the
code under test. An option in the environment is its name in capitals after ``VPMEM_HARNESS_``;
files are read only when they are named, in ``VPMEM_HARNESS_CONFIG`` or by the caller, so that a
test run does not depend on what lies around on a machine.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from oslo_config import cfg, types

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.randomness import SEED_LIMIT

GROUP = 'vpmem_harness'
PREFIX = 'VPMEM_HARNESS_'
#: Names the configuration files, separated as in PATH; the later one wins.
FILES_VARIABLE = PREFIX + 'CONFIG'

#: A runtime directory longer than this leaves no room for the hosts' directory, a host's name and
#: its sockets in the 107 bytes of a UNIX socket's path.
RUNTIME_DIR_LIMIT = 56

OPTIONS = (
    cfg.StrOpt(
        'backend', default='stub', choices=[
            ('stub', 'the compute-service stub: nothing of OpenStack is needed'),
            ('nova', 'real Nova with real Placement: the extra ``nova`` must be installed')],
        help='What serves the clouds of the tests.'),
    cfg.IntOpt(
        'seed', min=0, max=SEED_LIMIT - 1, sample_default='drawn anew for each test',
        help='The seed of everything random. A failed test states, under "replay", the one it '
             'used: set it here to replay the test.'),
    cfg.StrOpt(
        'profile', default='mixed', choices=[
            ('plain', 'devdax namespaces with names, as a handbook has them'),
            ('mixed', 'what hosts that have been in use for a while hold'),
            ('hostile', 'everything that a real host could hold and that trips programs up')],
        help='What random inventories are like.'),
    cfg.FloatOpt(
        'timeout', default=60.0, min=0.001,
        help='How many seconds a wait for a state lasts at most.'),
    cfg.BoolOpt(
        'unsafe_logs', default=False,
        help='Leave UUIDs, host names, addresses, paths and secrets in the logs as they are. '
             'Do not publish such a log.'),
    cfg.StrOpt(
        'audit_log', sample_default='none is written',
        help='The file to which the audit log is appended: who did what to which host, one JSON '
             'object a line.'),
    cfg.StrOpt(
        'runtime_dir', sample_default='a directory of its own below the temporary directory',
        help='Where the directories of the simulated hosts are made: an absolute path, short '
             'enough for the sockets in it.'),
)


class Settings(NamedTuple):
    """The values of :data:`OPTIONS`."""

    backend: str
    seed: int | None
    profile: str
    timeout: float
    unsafe_logs: bool
    audit_log: str | None
    runtime_dir: str | None


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """The options by their group, for oslo-config-generator."""
    return [(GROUP, list(OPTIONS))]


def load(
    files: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    *,
    command_line: bool = True,
    **overrides: Any,
) -> Settings:
    """The settings in force.

    :param files: configuration files, read after those of ``VPMEM_HARNESS_CONFIG``.
    :param environ: the environment, ``os.environ`` unless given.
    :param command_line: whether the overrides are the command line's, or a caller's arguments: an
        error names them so.
    :param overrides: what counts more than all that, by option; None leaves an option alone.
    :raises InvalidInputError: for a value that cannot be, with the name of its option and where it
        came from.
    """
    environ = os.environ if environ is None else environ
    values = _from_files([*environ.get(FILES_VARIABLE, '').split(os.pathsep), *files])
    for option in OPTIONS:
        variable = PREFIX + option.name.upper()
        if environ.get(variable):
            values[option.name] = _parsed(option, environ[variable], variable)
        if overrides.get(option.name) is not None:
            source = '--' + option.name.replace('_', '-') if command_line else option.name
            values[option.name] = _parsed(option, overrides[option.name], source)
    settings = Settings(**values)
    _check_runtime_dir(settings.runtime_dir)
    if not math.isfinite(settings.timeout):
        raise InvalidInputError('timeout', expected='a number of seconds',
                                got=str(settings.timeout), remedy='name one, however large')
    return settings


def _from_files(files: Sequence[str]) -> dict[str, Any]:
    opts = cfg.ConfigOpts()
    opts.register_opts(OPTIONS, GROUP)
    named = [os.path.expanduser(file) for file in files if file]
    try:
        # use_env would read OS_VPMEM_HARNESS__BACKEND: two ways to spell a variable are one too
        # many.
        opts(args=[], project=GROUP, default_config_files=named, default_config_dirs=[],
             use_env=False)
    except cfg.ConfigFilesNotFoundError as error:
        raise InvalidInputError('configuration file', expected='a file that can be read',
                                got=', '.join(error.config_files),
                                remedy=f'correct {FILES_VARIABLE} or --config-file') from error
    except cfg.ConfigFileParseError as error:
        raise InvalidInputError(f'configuration file {error.config_file}',
                                expected='an INI file', got=str(error.msg),
                                remedy='correct the line') from error
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError('configuration file', expected='an INI file that can be read',
                                got=f'{", ".join(named)} ({error})',
                                remedy=f'correct {FILES_VARIABLE} or --config-file') from error
    values = {}
    for option in OPTIONS:
        try:
            values[option.name] = opts[GROUP][option.name]
        except cfg.ConfigFileValueError as error:
            raise _refusal(option, str(error), f'[{GROUP}] {option.name}') from error
    return values


def _parsed(option: cfg.Opt, value: Any, source: str) -> Any:
    try:
        if isinstance(value, float) and isinstance(option.type, types.Integer):
            raise TypeError     # it would be cut off to a whole number
        return option.type(value)
    except (TypeError, ValueError) as error:
        raise _refusal(option, repr(value), source) from error


def _refusal(option: cfg.Opt, got: str, source: str) -> InvalidInputError:
    return InvalidInputError(source, expected=_expected(option), got=got,
                             remedy='correct it or leave it out')


def _expected(option: cfg.Opt) -> str:
    kind = option.type
    if isinstance(kind, types.Boolean):
        return 'true or false'
    if isinstance(kind, types.Number):
        noun = 'a whole number' if isinstance(kind, types.Integer) else 'a number'
        upto = '' if kind.max is None else f' and at most {kind.max}'
        return f'{noun} of at least {kind.min}{upto}'
    choices = getattr(kind, 'choices', None)
    return f'one of {", ".join(choices)}' if choices else 'a text'


def _check_runtime_dir(path: str | None) -> None:
    if path is None:
        return
    if not os.path.isabs(path):
        raise InvalidInputError('runtime_dir', expected='an absolute path', got='a relative one',
                                remedy='start it with a slash')
    length = len(os.fsencode(path))
    if length > RUNTIME_DIR_LIMIT:
        raise InvalidInputError(
            'runtime_dir', expected=f'a path of at most {RUNTIME_DIR_LIMIT} bytes',
            got=f'one of {length}', remedy='name a shorter one: a UNIX socket takes 107 bytes')
    if not os.path.isdir(path) or not os.access(path, os.W_OK | os.X_OK):
        raise InvalidInputError(
            'runtime_dir', expected='a directory that can be written to', got=repr(path),
            remedy='make it, or name another')
