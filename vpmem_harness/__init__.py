"""Simulated libvirt hosts with persistent memory, for tests.

What tests use:

:mod:`vpmem_harness.fixtures`
    ``InventoryFixture``, ``HostFixture``, ``CloudFixture`` and others, each useful alone.
:mod:`vpmem_harness.testcase`
    ``VPMEMTestCase``, the base class, and its assertions.
:mod:`vpmem_harness.novatests.integrated_helpers`
    The same with the names of Nova's own functional tests.
:mod:`vpmem_harness.cloud`
    Clouds and servers, as ``CloudFixture`` gives them, and the errors of a compute service.
:mod:`vpmem_harness.serving.clock`, :mod:`vpmem_harness.uuids`, :mod:`vpmem_harness.randomness`
    A clock that a test steps, UUIDs by name, and seeded randomness.

Nothing is imported until it is used.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    __version__: str


def __getattr__(name: str) -> str:
    """Look the version up when it is used."""
    if name != '__version__':
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    import importlib.metadata

    version = importlib.metadata.version('vpmem-harness')
    globals()['__version__'] = version
    return version
