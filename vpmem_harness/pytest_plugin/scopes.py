"""Clouds that several tests share, and their reset after each test."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from vpmem_harness.fixtures import seed_scope
from vpmem_harness.pytest_plugin import marker, seeding

if TYPE_CHECKING:
    from vpmem_harness.fixtures import CloudFixture
    from vpmem_harness.fixtures.shared_cloud import SharedCloud

_SHARED = pytest.StashKey[dict[str, 'SharedCloud']]()


@contextlib.contextmanager
def leased(item: pytest.Item, scope: str, make: Callable[[], Any]) -> Iterator[CloudFixture]:
    """Give a test the cloud of its class, module or session, and reset the cloud afterwards.

    Tests with other options get another cloud. All clouds end with their scope.
    """
    from vpmem_harness.fixtures.shared_cloud import SharedCloud

    node = _node(item, scope)
    options = repr(sorted(marker.described(item)))
    clouds = node.stash.setdefault(_SHARED, {})
    if options not in clouds:
        seed = marker.options_of(item, 'vpmem_cloud').get('seed')
        seeds = seeding.scope_of(node, 'vpmem_cloud', options)
        if isinstance(seed, int):
            seeds.restart(seed)

        def make_again() -> Any:
            """Make the cloud; another time if it could not be reset."""
            seeds.restart()
            with seed_scope.opened(seeds):
                return make()

        clouds[options] = SharedCloud.made_by(make_again)
        node.addfinalizer(_closing(clouds, options))
    with clouds[options] as shared:
        yield shared.cloud


def _closing(clouds: dict[str, SharedCloud], options: str) -> Callable[[], None]:
    return lambda: clouds.pop(options).close()


def _node(item: pytest.Item, scope: str) -> pytest.Item | pytest.Collector:
    """Return what the cloud lives as long as: the test itself where it has no such parent."""
    if scope == 'session':
        return item.session
    parent = item.getparent(pytest.Class if scope == 'class' else pytest.Module)
    return item if parent is None else parent
