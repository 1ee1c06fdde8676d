"""The fixtures of the plugin."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from vpmem_harness.pytest_plugin import captured, logs, marker, scopes
from vpmem_harness.pytest_plugin.seeding import TEST_SEEDS

if TYPE_CHECKING:
    from vpmem_harness.fixtures import (
        CloudFixture,
        HostFixture,
        InventoryFixture,
        SafeLoggingFixture,
    )
    from vpmem_harness.randomness import Randomness
    from vpmem_harness.uuids import UUIDs


@pytest.fixture
def vpmem_log(request: pytest.FixtureRequest) -> Iterator[SafeLoggingFixture]:
    """The log of the test, redacted: ``vpmem_log.output``. Every other fixture uses it."""
    from vpmem_harness.fixtures import SafeLoggingFixture

    with logs.as_before(), SafeLoggingFixture() as log:
        captured.of(request.node).log = log
        yield log


@pytest.fixture
def vpmem_randomness(request: pytest.FixtureRequest) -> Randomness:
    """Random values that the seed of the test replays."""
    from vpmem_harness.randomness import Randomness

    seeds = request.node.stash[TEST_SEEDS]
    seeds.used = True
    return Randomness(seeds.seed).derive('test')


@pytest.fixture
def vpmem_uuids(vpmem_randomness: Randomness) -> UUIDs:
    """UUIDs by name, such as ``vpmem_uuids.server1``."""
    from vpmem_harness.uuids import UUIDs

    return UUIDs(vpmem_randomness)


@pytest.fixture
def vpmem_inventory(
    request: pytest.FixtureRequest, vpmem_log: SafeLoggingFixture,
) -> Iterator[InventoryFixture]:
    """A random inventory of persistent memory: an ``InventoryFixture``."""
    with _marked(request, 'vpmem_inventory') as fixture:
        yield fixture


@pytest.fixture
def vpmem_host(
    request: pytest.FixtureRequest, vpmem_log: SafeLoggingFixture,
) -> Iterator[HostFixture]:
    """A simulated host: a ``HostFixture``."""
    with _marked(request, 'vpmem_host') as fixture:
        yield fixture


@pytest.fixture
def vpmem_cloud(
    request: pytest.FixtureRequest, vpmem_log: SafeLoggingFixture,
) -> Iterator[CloudFixture]:
    """Simulated hosts with a compute service each: a ``CloudFixture``.

    With ``@pytest.mark.vpmem(scope='module')`` the tests of a module share it, and it is reset
    after each test.
    """
    scope = marker.options_of(request.node, 'vpmem_cloud').get('scope', 'function')
    if scope == 'function':
        with _marked(request, 'vpmem_cloud') as fixture:
            yield fixture
    else:
        with scopes.leased(request.node, scope, _made_of(request, 'vpmem_cloud')) as shared:
            yield shared


@pytest.fixture
def make_vpmem_inventory(
    request: pytest.FixtureRequest, vpmem_log: SafeLoggingFixture,
) -> Iterator[Callable[..., InventoryFixture]]:
    """A function that makes inventories, with the arguments of ``InventoryFixture``."""
    with _factory(request, 'vpmem_inventory') as make:
        yield make


@pytest.fixture
def make_vpmem_host(
    request: pytest.FixtureRequest, vpmem_log: SafeLoggingFixture,
) -> Iterator[Callable[..., HostFixture]]:
    """A function that makes simulated hosts, with the arguments of ``HostFixture``."""
    with _factory(request, 'vpmem_host') as make:
        yield make


@pytest.fixture
def make_vpmem_cloud(
    request: pytest.FixtureRequest, vpmem_log: SafeLoggingFixture,
) -> Iterator[Callable[..., CloudFixture]]:
    """A function that makes clouds, with the arguments of ``CloudFixture``."""
    with _factory(request, 'vpmem_cloud') as make:
        yield make


def _marked(request: pytest.FixtureRequest, name: str) -> Any:
    """Return the fixture, made with the options of the markers."""
    return _made_of(request, name)()


def _made_of(request: pytest.FixtureRequest, name: str) -> Callable[[], Any]:
    options = marker.options_of(request.node, name)
    options.pop('scope', None)

    def make() -> Any:
        from vpmem_harness.exceptions import InvalidInputError

        try:
            return marker.classes()[name](**options)
        except InvalidInputError as error:
            if not options:
                raise
            reason = str(error)
        pytest.fail(f'@pytest.mark.vpmem: {reason}', pytrace=False)

    return make


@contextlib.contextmanager
def _factory(request: pytest.FixtureRequest, name: str) -> Iterator[Callable[..., Any]]:
    """Give a function that makes fixtures, and clean them up, the newest first."""
    marked = marker.options_of(request.node, name)
    for own in ('scope', 'seed'):       # a marked seed determines the seeds of all of them
        marked.pop(own, None)
    with contextlib.ExitStack() as stack:

        def make(*arguments: Any, **options: Any) -> Any:
            kind = marker.classes()[name]
            positional = list(marker.accepted(name))[:len(arguments)]
            given = {key: value for key, value in marked.items() if key not in positional}
            return stack.enter_context(kind(*arguments, **{**given, **options}))

        yield make
