"""Combines Nova's test classes with simulated hosts, and loads tests by Nova's own ids."""

from __future__ import annotations

import functools
import importlib
import pkgutil
import unittest
from collections.abc import Iterable, Iterator
from typing import Any

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.novatests.simulated_hosts import SimulatedHostsMixin

#: Nova's functional tests of the libvirt driver.
LIBVIRT_TESTS = 'nova.tests.functional.libvirt'


def on_simulated_hosts(test_class: type[Any], **attributes: object) -> type[Any]:
    """Return a subclass of one of Nova's test classes that runs on simulated hosts.

    The test class stays unchanged. The mixin is between it and Nova's base class, so that it acts
    before the setUp of the test class.

    :param attributes: attributes of the mixin, such as ``keep_nova_mocks=True``.
    """
    base: Any = _base(test_class)
    below = _below(base)
    derived: type[Any] = type(test_class.__name__, (test_class, below), {
        '__module__': test_class.__module__, '__qualname__': test_class.__qualname__,
        '__doc__': test_class.__doc__, **attributes})
    return derived


def _base(test_class: type[Any]) -> type[Any]:
    """Return the last class above unittest's that Nova's tests share."""
    from nova import test
    from nova.tests.functional.libvirt import base, integrated_helpers

    for known in (base.ServersTestBase, integrated_helpers.LibvirtProviderUsageBaseTestCase,
                  test.TestCase):
        if issubclass(test_class, known):
            found: type[Any] = known
            return found
    raise InvalidInputError(
        'test class', expected='a subclass of nova.test.TestCase', got=test_class.__name__,
        remedy='use one of the tests of nova.tests.functional')


@functools.cache
def _below(base: Any) -> type[Any]:
    return type(f'Simulated{base.__name__}', (SimulatedHostsMixin, base), {
        '__module__': __name__})


class Loader:
    """Loads tests by their ids, each on simulated hosts.

    :param attributes: attributes of the mixin.
    """

    def __init__(self, **attributes: object) -> None:
        self._attributes = attributes
        self._derived: dict[type[Any], type[Any]] = {}

    def load(self, names: Iterable[str]) -> list[Any]:
        """Return the tests of packages, modules, classes and single tests.

        :raises InvalidInputError: if a name is none of these.
        """
        return [self._derive(test) for name in names for test in _tests(_suite(name))]

    def _derive(self, test: Any) -> Any:
        kind = type(test)
        if kind not in self._derived:
            self._derived[kind] = on_simulated_hosts(kind, **self._attributes)
        return self._derived[kind](test._testMethodName)


def plain(names: Iterable[str]) -> list[Any]:
    """Return the same tests on Nova's fake."""
    return [test for name in names for test in _tests(_suite(name))]


def _suite(name: str) -> unittest.TestSuite:
    module, rest = _module(name)
    if not rest and hasattr(module, '__path__'):
        return unittest.TestSuite(
            _suite(f'{name}.{entry.name}') for entry in pkgutil.iter_modules(module.__path__)
            if entry.name.startswith('test_'))
    loader = unittest.TestLoader()
    if not rest:
        return loader.loadTestsFromModule(module)
    test_class = getattr(module, rest[0], None)
    if not (isinstance(test_class, type) and issubclass(test_class, unittest.TestCase)):
        raise _no_test(name, f'{module.__name__} has no such test class')
    if len(rest) == 1:
        return loader.loadTestsFromTestCase(test_class)
    if len(rest) > 2 or not callable(getattr(test_class, rest[1], None)):
        raise _no_test(name, f'{rest[0]} has no such test')
    return unittest.TestSuite([test_class(rest[1])])


def _module(name: str) -> tuple[Any, list[str]]:
    """Import the module of a name; return it with the names of a class and a test in it."""
    parts, rest = name.split('.'), list[str]()
    while parts:
        try:
            return importlib.import_module('.'.join(parts)), rest
        except ModuleNotFoundError as error:
            # Something else that the module needs may be missing.
            if error.name is None or not '.'.join(parts).startswith(error.name):
                raise _no_test(name, str(error)) from None
            rest.insert(0, parts.pop())
    raise _no_test(name, 'there is no such module')


def _no_test(name: str, why: str) -> InvalidInputError:
    return InvalidInputError('TEST', expected='the id of a test, class, module or package',
                             got=repr(name), remedy=f'correct it: {why}')


def _tests(suite: Any) -> Iterator[Any]:
    if isinstance(suite, unittest.TestSuite):
        for each in suite:
            yield from _tests(each)
    else:
        yield suite
