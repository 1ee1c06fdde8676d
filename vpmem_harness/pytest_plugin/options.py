"""The command line options, their ini options, and the seed of the session."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from typing import Any

import pytest

from vpmem_harness.randomness import SEED_LIMIT

#: The environment variables of the same options; see :mod:`vpmem_harness.conf`, which is not
#: imported here because it needs oslo.config.
SEED_VARIABLE = 'VPMEM_HARNESS_SEED'
BACKEND_VARIABLE = 'VPMEM_HARNESS_BACKEND'
REPORT_VARIABLE = 'VPMEM_HARNESS_REPORT_DIR'
FILES_VARIABLE = 'VPMEM_HARNESS_CONFIG'

BACKENDS = ('stub', 'nova')

_WORKER_INPUT = 'vpmem_seed'


@dataclass(frozen=True)
class SessionSeed:
    """The seed that determines everything random in the tests.

    :ivar derived: whether each test derives a seed of its own; otherwise each test gets ``value``.
    :ivar configured: the value of the option ``seed`` of the harness when the session began.
    """

    value: int
    derived: bool = True
    configured: int | None = None

    @property
    def replay(self) -> str:
        """What to give pytest to get this seed again."""
        if self.derived:
            return f'--vpmem-seed {self.value}'
        return f'{SEED_VARIABLE}={self.value}'

    def __str__(self) -> str:
        return f'{self.value} (replay with {self.replay})'


SESSION_SEED = pytest.StashKey[SessionSeed]()
#: The directory of reports; None to write none.
REPORT_DIRECTORY = pytest.StashKey['str | None']()
#: Environment variables that the session has set, with their values before.
_PREVIOUS = pytest.StashKey[dict[str, 'str | None']]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--vpmem-seed``, ``--vpmem-backend`` and ``--vpmem-report``, also as ini options."""
    group = parser.getgroup('vpmem', 'simulated hosts with persistent memory (vpmem-harness)')
    group.addoption(
        '--vpmem-seed', metavar='N', default=None,
        help='seed of everything random: replays the random choices of a previous session. Each '
             'test derives its own seed from this one and from its id.')
    group.addoption(
        '--vpmem-backend', choices=BACKENDS, default=None,
        help='what serves the clouds: the compute-service stub, or real Nova and Placement.')
    group.addoption(
        '--vpmem-report', metavar='DIR', default=None,
        help='write an HTML page about the hosts of each failed test into this directory.')
    parser.addini('vpmem_report', 'default of --vpmem-report', default='')
    parser.addini('vpmem_seed', 'default of --vpmem-seed', default='')
    parser.addini('vpmem_backend', 'default of --vpmem-backend', default='')


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, choose the session's seed, and pass the backend on."""
    config.addinivalue_line(
        'markers',
        'vpmem(hosts=2, pmem=..., backend=..., seed=..., scope=..., **options): options of the '
        'fixtures vpmem_inventory, vpmem_host and vpmem_cloud, and of their factories. Each '
        'fixture receives the options that it accepts.')
    config.stash[SESSION_SEED] = _session_seed(config)
    if config.pluginmanager.hasplugin('xdist'):
        config.pluginmanager.register(XdistHooks(config), 'vpmem-harness-xdist')
    config.stash[REPORT_DIRECTORY] = _report_directory(config)
    # Test cases, and tests that create a CloudFixture themselves, read the environment.
    wanted = {BACKEND_VARIABLE: _backend(config), REPORT_VARIABLE: config.stash[REPORT_DIRECTORY]}
    changed = {name: value for name, value in wanted.items() if value is not None}
    config.stash[_PREVIOUS] = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Restore the environment."""
    for name, value in config.stash.get(_PREVIOUS, {}).items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Show the seed of the session, and the backend unless it is the default."""
    lines = [f'vpmem seed: {config.stash[SESSION_SEED]}']
    backend = os.environ.get(BACKEND_VARIABLE)
    return [*lines, f'vpmem backend: {backend}'] if backend else lines


class XdistHooks:
    """Gives every worker of pytest-xdist the seed of the session."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Add the seed to the input of a worker that is about to start."""
        seed = self._config.stash[SESSION_SEED]
        node.workerinput[_WORKER_INPUT] = (seed.value, seed.derived, seed.configured)


def _session_seed(config: pytest.Config) -> SessionSeed:
    worker_input = getattr(config, 'workerinput', {}).get(_WORKER_INPUT)
    if worker_input is not None:
        return SessionSeed(*worker_input)
    option, ini = config.getoption('vpmem_seed'), config.getini('vpmem_seed')
    configured = _configured_seed()
    if option is not None:
        return SessionSeed(_parsed(option, '--vpmem-seed'), configured=configured)
    if configured is not None:
        return SessionSeed(configured, derived=False, configured=configured)
    if ini:
        return SessionSeed(_parsed(ini, 'vpmem_seed'))
    return SessionSeed(secrets.randbelow(SEED_LIMIT))


def _configured_seed() -> int | None:
    """Return the seed that the environment or a configuration file names, as for other runners."""
    if os.environ.get(FILES_VARIABLE):
        seed: int | None = _settings().seed
        return seed
    value = os.environ.get(SEED_VARIABLE)
    return _parsed(value, SEED_VARIABLE) if value else None


def _parsed(text: str, source: str) -> int:
    try:
        seed = int(text)
    except ValueError:
        seed = -1
    if not 0 <= seed < SEED_LIMIT:
        raise pytest.UsageError(
            f'{source}: expected a whole number from 0 to {SEED_LIMIT - 1}, got {text!r}; '
            'correct it or leave it out')
    return seed


def _backend(config: pytest.Config) -> str | None:
    option: str | None = config.getoption('vpmem_backend')
    if option is not None:
        return option
    ini: str = config.getini('vpmem_backend')
    if not ini or os.environ.get(BACKEND_VARIABLE):
        return None
    if ini not in BACKENDS:
        raise pytest.UsageError(
            f'vpmem_backend: expected one of {", ".join(BACKENDS)}, got {ini!r}; correct it or '
            'leave it out')
    return ini


def _report_directory(config: pytest.Config) -> str | None:
    """Return the directory of reports, made and checked; None to write none."""
    source, directory = '--vpmem-report', config.getoption('vpmem_report')
    if not directory:
        source, directory = REPORT_VARIABLE, os.environ.get(REPORT_VARIABLE)
    if not directory and os.environ.get(FILES_VARIABLE):
        source, directory = 'report_dir', _settings().report_dir
    if not directory and config.getini('vpmem_report'):
        source, directory = 'vpmem_report', str(config.rootpath / config.getini('vpmem_report'))
    if not directory:
        return None
    from vpmem_harness import report
    from vpmem_harness.exceptions import InvalidInputError

    try:
        return str(report.check_directory(directory, source))
    except InvalidInputError as error:
        raise pytest.UsageError(str(error)) from error


def _settings() -> Any:
    """Return the options of the harness, from its configuration files and the environment."""
    from vpmem_harness import conf
    from vpmem_harness.exceptions import InvalidInputError

    try:
        return conf.load(command_line=False)
    except InvalidInputError as error:
        raise pytest.UsageError(str(error)) from error
