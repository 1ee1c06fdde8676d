"""Bad blocks, on DIMMs whose firmware can inject them."""

from __future__ import annotations

import json
from typing import Any

import testtools

from vpmem_harness.pmem import CommandResult, DimmSpec, PersistentMemory
from vpmem_harness.pmem.kernel.sizes import GIB, MIB
from vpmem_harness.randomness import Randomness


class BadBlocksTest(testtools.TestCase):
    """Injecting, finding and clearing."""

    def setUp(self) -> None:
        super().setUp()
        self.memory = PersistentMemory(
            [DimmSpec(GIB, labels='initialized', firmware_commands=True)],
            randomness=Randomness(1))
        self.path = self.memory.create_namespace(size=64 * MIB, map='mem').path or ''

    def ndctl(self, command: str) -> CommandResult:
        """Runs ndctl."""
        return self.memory.run(['ndctl', *command.split()])

    def listed(self) -> dict[str, Any]:
        """The namespace as ``ndctl list -NM`` shows it."""
        found: dict[str, Any] = json.loads(self.ndctl('list -NM').stdout)[0]
        return found

    def test_injected_blocks_are_listed(self) -> None:
        """With the DIMM that they are on; blocks count from the start of the data."""
        result = self.ndctl('inject-error -B 4 -n 2 namespace0.0')
        self.assertEqual((0, ''), (result.returncode, result.stderr))
        self.assertEqual([{'offset': 4, 'length': 2, 'dimms': ['nmem0']}],
                         self.listed()['badblocks'])
        self.assertEqual(2, json.loads(self.ndctl('list -N').stdout)[0]['badblock_count'])

    def test_a_scrub_finds_blocks(self) -> None:
        """They were injected without a notification."""
        self.ndctl('inject-error -B 4 -n 2 --no-notify namespace0.0')
        self.assertNotIn('badblock_count', self.listed())
        self.assertEqual('idle', json.loads(self.ndctl('start-scrub').stdout)[0]['scrub_state'])
        self.assertEqual(2, self.listed()['badblock_count'])

    def test_the_firmware_tells_what_was_injected(self) -> None:
        """``--status`` asks for it."""
        self.ndctl('inject-error -B 4 -n 2 namespace0.0')
        self.assertEqual({'badblocks': [{'block': 4, 'count': 2}]}, json.loads(
            self.ndctl('inject-error --status namespace0.0').stdout))

    def test_blocks_are_cleared(self) -> None:
        """The namespace is disabled and enabled for it."""
        self.ndctl('inject-error -B 4 -n 2 namespace0.0')
        result = self.ndctl('clear-errors namespace0.0')
        self.assertEqual((0, 'cleared 1 namespace\n'), (result.returncode, result.stderr))
        self.assertNotIn('badblock_count', self.listed())
        self.assertEqual('', self.ndctl('inject-error --status namespace0.0').stdout)

    def test_blocks_beyond_the_end_are_refused(self) -> None:
        """Nothing is injected."""
        self.assertEqual(234, self.ndctl('inject-error -B 999999 -n 1 namespace0.0').returncode)

    def test_health_is_listed(self) -> None:
        """Of DIMMs whose firmware tells it."""
        self.assertEqual('ok', json.loads(
            self.ndctl('list -DH').stdout)[0]['health']['health_state'])
