"""The marker ``vpmem``: options of the fixtures."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import pytest

from vpmem_harness.pytest_plugin.seeding import TEST_SEEDS

NAME = 'vpmem'

#: How long a cloud serves: one test, or all the tests of a class, of a module or of the session.
SCOPES = ('function', 'class', 'module', 'session')

#: What the fixtures take that is no argument of their classes.
_OWN_OPTIONS: dict[str, tuple[str, ...]] = {'vpmem_cloud': ('scope',)}

#: The fixture that makes one thing, by the fixture that makes several.
FACTORIES = {
    'make_vpmem_inventory': 'vpmem_inventory',
    'make_vpmem_host': 'vpmem_host',
    'make_vpmem_cloud': 'vpmem_cloud',
}


def classes() -> dict[str, Any]:
    """Return the class behind each fixture."""
    from vpmem_harness import fixtures

    return {
        'vpmem_inventory': fixtures.InventoryFixture,
        'vpmem_host': fixtures.HostFixture,
        'vpmem_cloud': fixtures.CloudFixture,
    }


def accepted(fixture: str) -> tuple[str, ...]:
    """Return the names of the options of a fixture."""
    arguments = tuple(inspect.signature(classes()[fixture]).parameters)
    return (*arguments, *_OWN_OPTIONS.get(fixture, ()))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Restart the seeds of a test, and fail it when no fixture can use its markers."""
    seeds = item.stash[TEST_SEEDS]
    seeds.restart()
    if item.get_closest_marker(NAME) is None:
        return
    known = {name: accepted(name) for name in classes()}
    everything = sorted({option for options in known.values() for option in options})
    for node, marks in _by_node(item):
        for mark in marks:
            _check_names(mark, everything)
        _check_stacked(node)
        if node is item:
            _check_use(item, marks, known)
    seed = _merged(item).get('seed')
    if isinstance(seed, int):       # the fixture refuses anything else
        seeds.restart(seed)


def options_of(item: pytest.Item, fixture: str) -> dict[str, Any]:
    """Return the options that the markers give a fixture; a marker nearer to the test wins."""
    wanted = accepted(fixture)
    return {name: value for name, value in _merged(item).items() if name in wanted}


def _by_node(item: pytest.Item) -> Iterator[tuple[Any, list[pytest.Mark]]]:
    """Yield the marked nodes, the nearest first; a class's marks begin with its base classes'."""
    for node in reversed(item.listchain()):
        marks = [mark for mark in node.own_markers if mark.name == NAME]
        if marks:
            yield node, marks


def _merged(item: pytest.Item) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for _, marks in _by_node(item):
        for mark in reversed(marks):
            merged = {**mark.kwargs, **merged}
    return merged


def _check_names(mark: pytest.Mark, everything: list[str]) -> None:
    if mark.args:
        _refuse('options by name, such as hosts=2', ', '.join(map(repr, mark.args)),
                'write the name of the option before each value')
    unknown = sorted(set(mark.kwargs) - set(everything))
    if unknown:
        _refuse(f'options among {", ".join(everything)}', ', '.join(unknown), 'correct the name')
    scope = mark.kwargs.get('scope', 'function')
    if scope not in SCOPES:
        _refuse(f'scope to be one of {", ".join(SCOPES)}', repr(scope), 'leave it out for function')


def _check_stacked(node: pytest.Item | pytest.Collector) -> None:
    """Refuse two markers of one function, class or module that contradict each other."""
    marked = getattr(node, 'function', None) or getattr(node, 'obj', None)
    own = getattr(marked, '__dict__', {}).get('pytestmark', [])
    seen: dict[str, Any] = {}
    for mark in own if isinstance(own, list | tuple) else [own]:
        if mark.name == NAME:
            for name, value in mark.kwargs.items():
                if name in seen and seen[name] != value:
                    _refuse(f'one value of {name}', f'{seen[name]!r} and {value!r}',
                            'leave one of the markers out')
                seen[name] = value


def _check_use(
    item: pytest.Item, marks: list[pytest.Mark], known: dict[str, tuple[str, ...]],
) -> None:
    """Refuse options on a test whose fixtures accept none of them.

    A test that names no fixture of the plugin may ask for one while it runs.
    """
    names = getattr(item, 'fixturenames', ())
    used = [name for name in dict.fromkeys(FACTORIES.get(name, name) for name in names)
            if name in known]
    usable = {option for name in used for option in known[name]}
    useless = sorted({option for mark in marks for option in mark.kwargs} - usable)
    if used and useless:
        _refuse(f'options of {" or ".join(used)} ({", ".join(sorted(usable))})',
                ', '.join(useless), 'use the fixture that accepts it, or leave it out')


def _refuse(expected: str, got: str, remedy: str) -> None:
    pytest.fail(f'@pytest.mark.{NAME}: expected {expected}, got {got}; {remedy}', pytrace=False)


def described(item: pytest.Item) -> Iterator[str]:
    """Yield the options of a test's markers, for reports."""
    for name, value in sorted(_merged(item).items()):
        yield f'{name}={value!r}'
