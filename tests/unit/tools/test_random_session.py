from __future__ import annotations

import collections

import testtools

from tests.unit.pmem.shell import Shell
from tools.recording import random_session


def session(seed: int) -> list[str]:
    """Return the lines of the session with this seed."""
    _, memory = random_session.machine(list(random_session.DIMMS))
    return random_session.Session(seed, memory).lines(60)


class RandomSessionTest(testtools.TestCase):
    """Random commands for the recorder."""

    def test_a_seed_gives_one_session(self) -> None:
        """A seed always gives the same session, and another seed a different one."""
        self.assertEqual(session(3), session(3))
        self.assertNotEqual(session(3), session(4))

    def test_most_commands_succeed(self) -> None:
        """Most commands refer to existing objects."""
        _, memory = random_session.machine(list(random_session.DIMMS))
        shell, statuses = Shell(memory), collections.Counter[bool]()
        for line in session(5):
            if line == 'reboot':
                memory.reboot()
                continue
            word, command = line.split(' ', 1)
            result = shell.run(command.split(' ', 1)[1] if word == 'rec' else command)
            statuses[result.returncode == 0] += word == 'rec'
        self.assertGreater(statuses[True], 3 * statuses[False])

    def test_the_header_describes_the_machine(self) -> None:
        """A node without CPUs is a target node only."""
        header, memory = random_session.machine(['1GiB,numa=2,area=128KiB'])
        self.assertEqual('# dimm: 1GiB, numa=2, area=128KiB\n', header)
        self.assertEqual((0, 2), (memory.regions[0].numa_node, memory.regions[0].target_node))
