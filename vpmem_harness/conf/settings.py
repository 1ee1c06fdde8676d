"""The options, and their values in effect.

Each call of :func:`load` uses an instance of oslo.config of its own, because the ``CONF`` of the
process belongs to the code under test. The environment variable of an option is its name in
capitals after ``VPMEM_HARNESS_``. Configuration files are read only if ``VPMEM_HARNESS_CONFIG`` or
the caller names them, so that a test run does not depend on files that happen to be on a machine.
"""

from __future__ import annotations

import functools
import math
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from oslo_config import cfg, types

from vpmem_harness.conf import unknown_names
from vpmem_harness.conf.unknown_names import PREFIX
from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.randomness import SEED_LIMIT
from vpmem_harness.releases import DEFAULT, RELEASES

GROUP = 'vpmem_harness'
#: The variable that names configuration files, separated as in PATH. Later files take precedence.
FILES_VARIABLE = PREFIX + 'CONFIG'

#: The maximum length of the runtime directory in bytes. The path of a UNIX socket has at most 107
#: bytes, and a host needs the others for its directory, its name and the name of the socket.
RUNTIME_DIR_LIMIT = 56

OPTIONS = (
    cfg.StrOpt(
        'backend', default='stub', choices=[
            ('stub', 'the compute-service stub, which does not need OpenStack'),
            ('nova', 'real Nova with real Placement, from the extra ``nova``')],
        help='The backend of the clouds in tests.'),
    cfg.IntOpt(
        'seed', min=0, max=SEED_LIMIT - 1, sample_default='a fresh one for each test',
        help='The seed of everything random. A failed test shows its seed under "replay"; set '
             'this option to that seed to replay the test.'),
    cfg.StrOpt(
        'profile', default='mixed', choices=[
            ('plain', 'devdax namespaces with names, as in documentation'),
            ('mixed', 'the namespaces of hosts that have been in use for a while'),
            ('hostile', 'everything on real hosts that programs tend to mishandle'),
            ('optane-2s', 'two sockets with interleaved Optane modules'),
            ('optane-4s', 'four sockets with interleaved Optane modules')],
        help='The kind of random inventories.'),
    cfg.StrOpt(
        'release', default=DEFAULT.name, choices=[
            (release.name, release.title) for release in RELEASES.values()],
        help='The release of hosts that do not name theirs: the versions of Linux, ndctl, libvirt '
             'and QEMU, and their behavior.'),
    cfg.FloatOpt(
        'timeout', default=60.0, min=0.001,
        help='Timeout in seconds of each wait for a state.'),
    cfg.BoolOpt(
        'unsafe_logs', default=False,
        help='Log UUIDs, host names, addresses, paths and secrets without redaction. Do not '
             'publish such a log.'),
    cfg.StrOpt(
        'audit_log', sample_default='no audit log',
        help='The file to which the audit log is appended: one JSON object per line says who did '
             'what to which host.'),
    cfg.StrOpt(
        'report_dir', sample_default='no reports',
        help='The directory for reports: each failed test on simulated hosts writes one HTML page, '
             'named after the test. It is made if it is missing. Needs the extra ``report``.'),
    cfg.BoolOpt(
        'seeded_races', default=False,
        help='Let the seed decide what depends on the order of two threads of a real host: if QEMU '
             'ends while it starts a guest, libvirt reports "process exited while connecting to '
             'monitor" or "unexpectedly closed the monitor". By default each cause has the same '
             'one of both texts.'),
    cfg.StrOpt(
        'runtime_dir', sample_default='a new directory below the temporary directory',
        help='The directory for the directories of the simulated hosts: an absolute path that is '
             'short enough for the sockets in it.'),
)


class Settings(NamedTuple):
    """Values of :data:`OPTIONS`."""

    backend: str
    seed: int | None
    profile: str
    release: str
    timeout: float
    unsafe_logs: bool
    audit_log: str | None
    report_dir: str | None
    seeded_races: bool
    runtime_dir: str | None


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """Return the options by group, for oslo-config-generator."""
    return [(GROUP, list(OPTIONS))]


def load(
    files: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    *,
    command_line: bool = True,
    **overrides: Any,
) -> Settings:
    """Return the settings in effect.

    :param files: configuration files, read after those of ``VPMEM_HARNESS_CONFIG``.
    :param environ: the environment; ``os.environ`` by default.
    :param command_line: whether the overrides come from the command line or from a caller's
        arguments, for the text of errors. A caller gets a warning of each unknown name once.
    :param overrides: values that take precedence, by option; None overrides nothing.
    :raises InvalidInputError: for an invalid value; the message names the option and its source.
    """
    environ = os.environ if environ is None else environ
    named = _files(environ, files)
    if not command_line:
        report_unknown(lambda text: warnings.warn(text, stacklevel=4), environ)
    values = _from_files(named) if named else dict(_defaults())
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
        raise InvalidInputError('timeout', expected='a finite number of seconds',
                                got=str(settings.timeout), remedy='use a large number')
    return settings


def unknown(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return what has no effect because its name is unknown, with a text for each.

    These are environment variables, and options of the files in ``VPMEM_HARNESS_CONFIG``.
    """
    environ = os.environ if environ is None else environ
    names = [option.name for option in OPTIONS]
    return {**dict(unknown_names.in_environment(environ, names)),
            **dict(unknown_names.in_files(_files(environ), GROUP, names))}


#: The names that this process has reported.
_reported: set[str] = set()


def report_unknown(report: Callable[[str], object],
                   environ: Mapping[str, str] | None = None) -> None:
    """Report each unknown name once in this process.

    A command logs them when it starts; for fixtures, :func:`load` issues warnings.
    """
    for name, text in unknown(environ).items():
        if name not in _reported:
            report(text)
            _reported.add(name)


def _files(environ: Mapping[str, str], files: Sequence[str] = ()) -> list[str]:
    return [os.path.expanduser(file)
            for file in (*environ.get(FILES_VARIABLE, '').split(os.pathsep), *files) if file]


@functools.cache
def _defaults() -> Mapping[str, Any]:
    return _from_files([])


def _from_files(named: list[str]) -> dict[str, Any]:
    opts = cfg.ConfigOpts()
    opts.register_opts(OPTIONS, GROUP)
    try:
        # use_env would read OS_VPMEM_HARNESS__BACKEND, a second variable for the same option.
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
            raise TypeError     # oslo.config would truncate it to an integer
        return option.type(value)
    except (TypeError, ValueError):
        # oslo.config's own message says the same in other words.
        raise _refusal(option, repr(value), source) from None


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
            got=f'one of {length}',
            remedy='use a shorter one: the path of a UNIX socket has at most 107 bytes')
    if not os.path.isdir(path) or not os.access(path, os.W_OK | os.X_OK):
        raise InvalidInputError(
            'runtime_dir', expected='a writable directory', got=repr(path),
            remedy='make it, or use another')
