"""In-process execution of hosts' commands."""

from __future__ import annotations

from tests import base
from vpmem_harness.chaos.in_process import InProcessCommands, Wipes
from vpmem_harness.cloud.stub.compute.processes import ProcessExecutionError
from vpmem_harness.fixtures import HostFixture


class DirectCommandsTest(base.TestCase):

    def test_a_stopped_service_runs_no_command(self):
        """A stopped service cannot wipe a device that may belong to another server by now."""
        host = self.useFixture(HostFixture(pmem='SMALL:1x1GiB'))
        wipes = Wipes()
        commands = InProcessCommands(host.host, wipes)
        commands.terminate()
        [path] = [one.path for one in host.namespaces]
        error = self.assertRaises(
            ProcessExecutionError, commands.execute, 'daxio', '-z', '-o', path)
        self.assertEqual(-9, error.exit_code)
        self.assertEqual(set(), wipes.of(host.name))
