"""pytest plugin: fixtures, the marker ``vpmem``, replayable seeds and report sections.

pytest loads it through the entry point ``pytest11``. Loading it imports neither libvirt nor any
other dependency of the harness: the fixtures import what they need.
"""

from __future__ import annotations

from vpmem_harness.pytest_plugin.cases import pytest_runtest_call
from vpmem_harness.pytest_plugin.marker import pytest_runtest_setup
from vpmem_harness.pytest_plugin.options import (
    XdistHooks,
    pytest_addoption,
    pytest_configure,
    pytest_report_header,
    pytest_unconfigure,
)
from vpmem_harness.pytest_plugin.provided import (
    make_vpmem_cloud,
    make_vpmem_host,
    make_vpmem_inventory,
    vpmem_cloud,
    vpmem_host,
    vpmem_inventory,
    vpmem_log,
    vpmem_randomness,
    vpmem_uuids,
)
from vpmem_harness.pytest_plugin.reports import pytest_runtest_makereport, pytest_runtest_teardown
from vpmem_harness.pytest_plugin.seeding import pytest_fixture_setup, pytest_runtest_protocol

__all__ = [
    'XdistHooks',
    'make_vpmem_cloud',
    'make_vpmem_host',
    'make_vpmem_inventory',
    'pytest_addoption',
    'pytest_configure',
    'pytest_fixture_setup',
    'pytest_report_header',
    'pytest_runtest_call',
    'pytest_runtest_makereport',
    'pytest_runtest_protocol',
    'pytest_runtest_setup',
    'pytest_runtest_teardown',
    'pytest_unconfigure',
    'vpmem_cloud',
    'vpmem_host',
    'vpmem_inventory',
    'vpmem_log',
    'vpmem_randomness',
    'vpmem_uuids',
]
