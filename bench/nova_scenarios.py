"""Measures Nova's three vPMEM scenarios on each backend, compared with Nova's own tests.

    python -m bench.nova_scenarios [--rounds N]

Each run is a whole process including its imports, and the runs of a round follow each other. The
benchmark uses the installed Nova; without one it measures the stub only. Nova's own tests mock
the start of the guest, the cleanup and the host's tools; the backends mock nothing. On real Nova
the ratio should be at most 1.0. For the stub, the benchmark also prints the time of the tests
themselves, because the rest is the start of the interpreter and the imports.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

from vpmem_harness.cloud.nova.workarounds import paste_configuration

ROOT = pathlib.Path(__file__).parents[1]

# The tests run on threads, those of Nova 33 on eventlet, because its fixtures need it.
# Nova's ConfFixture does not find the api-paste.ini of a wheel.
THEIRS = """
import os, sys
from nova import monkey_patch
monkey_patch.patch()
import unittest
from nova.conf import paths
from nova.tests.fixtures import conf
from nova.tests.functional.libvirt import test_vpmem
def setUp(self, plain=conf.ConfFixture.setUp):
    plain(self)
    self.conf.set_default('api_paste_config', sys.argv[1], group='wsgi')
    self.conf.set_override('state_path', os.getcwd())
conf.ConfFixture.setUp = setUp
result = unittest.TextTestRunner(verbosity=0).run(
    unittest.defaultTestLoader.loadTestsFromModule(test_vpmem))
sys.exit(not result.wasSuccessful())
"""

# A cloud for each test, as users have it: the tests of the harness share clouds on Nova.
OURS = """
import sys, unittest
from tests import shared_clouds
shared_clouds.CloudTestCase.leaves_nothing = True
from tests.functional.cloud import test_vpmem
result = unittest.TextTestRunner(stream=sys.stdout, verbosity=0).run(
    unittest.defaultTestLoader.loadTestsFromModule(test_vpmem))
sys.exit(not result.wasSuccessful())
"""


def on_threads() -> bool:
    """Return whether Nova's own tests run on threads."""
    return int(importlib.metadata.version('nova').partition('.')[0]) > 33


def seconds(command: list[str], directory: str, **variables: str) -> float:
    """Return the seconds of a command; raise CalledProcessError if it fails."""
    begin = time.perf_counter()
    subprocess.run(command, check=True, cwd=directory, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, env={**os.environ, **variables})
    return time.perf_counter() - begin


def on_backend(name: str) -> tuple[float, float]:
    """Return the seconds of a process with the three tests, and of the tests themselves."""
    begin = time.perf_counter()
    ran = subprocess.run(
        [sys.executable, '-c', OURS], check=True, cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env={**os.environ, 'VPMEM_HARNESS_BACKEND': name}).stdout
    whole = time.perf_counter() - begin
    found = re.search(r'^Ran 3 tests in ([0-9.]+)s$', ran, re.MULTILINE)
    assert found is not None, ran  # noqa: S101 - not all three ran
    return whole, float(found[1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--rounds', type=int, default=3)
    arguments = parser.parse_args()
    try:
        paste = paste_configuration()
    except importlib.metadata.PackageNotFoundError:
        paste = None
    stub, nova, theirs = [], [], []
    with tempfile.TemporaryDirectory() as elsewhere:
        for _ in range(arguments.rounds):
            stub.append(on_backend('stub'))
            if paste is not None:
                theirs.append(seconds(
                    [sys.executable, '-c', THEIRS, paste], elsewhere,
                    OS_NOVA_DISABLE_EVENTLET_PATCHING=str(on_threads()).lower()))
                nova.append(on_backend('nova'))
    whole, tests = map(min, zip(*stub, strict=True))
    line = f'three scenarios on the stub: {tests:.2f} s, {whole:.2f} s with its process'
    if theirs:
        best, peer = min(nova)[0], min(theirs)
        line += (f'; on Nova: {best:.1f} s; the tests of Nova: {peer:.1f} s; '
                 f'ratio of the stub {whole / peer:.2f}, of Nova {best / peer:.2f}')
    print(line)
    return 0


if __name__ == '__main__':
    sys.exit(main())
