"""The seed of each test: derived from the session's seed and from the id of the test."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from vpmem_harness.fixtures import in_use, seed_scope
from vpmem_harness.fixtures.seed_scope import SeedScope
from vpmem_harness.pytest_plugin import captured
from vpmem_harness.pytest_plugin.options import SESSION_SEED
from vpmem_harness.randomness import SEED_LIMIT, Randomness

#: The seeds of a test.
TEST_SEEDS = pytest.StashKey[SeedScope]()

#: Set on a node whose shared fixtures drew seeds.
_DREW = pytest.StashKey[bool]()


def scope_of(node: pytest.Item | pytest.Collector, *names: object) -> SeedScope:
    """Return the seeds of a test, or of what several tests share.

    The id begins with the file's name, so that the seed does not depend on the directory from
    which pytest runs.
    """
    session = node.config.stash[SESSION_SEED]

    def seed() -> int:
        if not session.derived:
            return session.value
        return Randomness(session.value).derive('test', *_id(node), *names).below(SEED_LIMIT)

    return SeedScope(seed, session.configured)


def _id(node: pytest.Item | pytest.Collector) -> list[str]:
    chain = node.listchain()
    while chain and not isinstance(chain[0], pytest.Item | pytest.File):
        del chain[0]
    return [one.path.name if isinstance(one, pytest.File) else one.name for one in chain]


def drew(item: pytest.Item) -> bool:
    """Return whether a test, or a fixture that it shares with others, drew a seed."""
    return item.stash[TEST_SEEDS].used or any(
        _DREW in node.stash for node in item.listchain())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """Open the seed scope of a test, and watch the fixtures that it uses."""
    item.stash[TEST_SEEDS] = scope_of(item)
    watch = captured.of(item)
    with seed_scope.opened(item.stash[TEST_SEEDS]), in_use.observing(watch.leaving):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest,
) -> Generator[None, Any, Any]:
    """Give a fixture that several tests share seeds that do not depend on the first of them."""
    if fixturedef.scope == 'function':
        return (yield)
    number = getattr(request, 'param_index', 0)
    shared = scope_of(request.node, fixturedef.argname, number)
    try:
        with seed_scope.opened(shared):
            return (yield)
    finally:
        if shared.used:
            request.node.stash[_DREW] = True
