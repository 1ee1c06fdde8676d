"""Simulated libvirt hosts with persistent memory, for tests.

What tests use:

:mod:`vpmem_harness.fixtures`
    ``InventoryFixture``, ``HostFixture``, ``CloudFixture`` and others, each useful alone.
:mod:`vpmem_harness.testcase`
    ``VPMEMTestCase``, the base class, and its assertions.
:mod:`vpmem_harness.novatests.integrated_helpers`
    The same in the words of Nova's own functional tests.
:mod:`vpmem_harness.cloud`
    Clouds and servers, as ``CloudFixture`` gives them, and the errors of a compute service.
:mod:`vpmem_harness.serving.clock`, :mod:`vpmem_harness.uuids`, :mod:`vpmem_harness.randomness`
    Time that a test steps, UUIDs by name, and seeded randomness.

Nothing is imported until it is asked for.
"""
