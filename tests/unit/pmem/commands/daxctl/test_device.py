"""Modes of dax devices."""

from __future__ import annotations

import json
from typing import Any

import testtools

from tests.unit.pmem.test_machine import labelled
from vpmem_harness.pmem import CommandResult, DimmSpec, PersistentMemory
from vpmem_harness.pmem.kernel.sizes import GIB, MIB
from vpmem_harness.releases import DEBIAN_13


class SystemRamTest(testtools.TestCase):
    """A devdax namespace that the kernel uses as memory."""

    def setUp(self) -> None:
        super().setUp()
        self.memory = labelled(2 * GIB)
        self.memory.create_namespace(size=GIB, map='mem')

    def daxctl(self, command: str, **options: Any) -> CommandResult:
        """Runs daxctl."""
        return self.memory.run(['daxctl', *command.split()], **options)

    def device(self) -> dict[str, Any]:
        """The device as ``daxctl list`` shows it."""
        found: dict[str, Any] = json.loads(self.daxctl('list').stdout)[0]
        return found

    def test_it_cannot_be_opened(self) -> None:
        """It can again when it is a devdax device."""
        self.daxctl('reconfigure-device -m system-ram -N dax0.0')
        self.assertFalse(self.memory.namespaces[0].openable)
        self.daxctl('reconfigure-device -m devdax dax0.0')
        self.assertTrue(self.memory.namespaces[0].openable)

    def test_online_memory_keeps_it(self) -> None:
        """It must be offline before it changes its mode; force does that first."""
        self.daxctl('reconfigure-device -m system-ram dax0.0')
        self.assertEqual(240, self.daxctl('reconfigure-device -m devdax dax0.0').returncode)
        self.assertEqual(0, self.daxctl('reconfigure-device -m devdax -f dax0.0').returncode)
        self.assertEqual('devdax', self.device()['mode'])

    def test_the_kernel_keeps_online_memory_whose_driver_is_gone(self) -> None:
        """No driver gets that range before the machine restarts."""
        self.daxctl('reconfigure-device -m system-ram dax0.0')
        self.daxctl('destroy-device -f dax0.0')
        for command in ('enable-device dax0.0', 'reconfigure-device -m system-ram dax0.0'):
            self.assertEqual(240, self.daxctl(command).returncode)
        self.memory.run(['ndctl', 'disable-namespace', 'namespace0.0'])
        self.memory.run(['ndctl', 'enable-namespace', 'namespace0.0'])
        self.assertFalse(self.memory.namespaces[0].openable)
        self.memory.reboot()
        self.assertTrue(self.memory.namespaces[0].openable)

    def test_enabling_one_device_enables_all(self) -> None:
        """The kernel offers the driver to each device without one."""
        self.memory.create_namespace(size=64 * MIB)
        self.daxctl('disable-device all')
        self.daxctl('enable-device dax0.1')
        self.assertTrue(all(namespace.openable for namespace in self.memory.namespaces))

    def test_memory_can_be_in_the_normal_zone(self) -> None:
        """It is movable otherwise."""
        self.daxctl('reconfigure-device -m system-ram --no-movable dax0.0')
        self.assertFalse(self.device()['movable'])

    def test_onlining_twice_has_nothing_to_do(self) -> None:
        """daxctl warns of a race and ends with 1."""
        self.daxctl('reconfigure-device -m system-ram dax0.0')
        result = self.daxctl('online-memory dax0.0')
        self.assertEqual(1, result.returncode)
        self.assertIn('dax0.0: all memory sections (7) already online', result.stderr)

    def test_a_device_smaller_than_a_block_is_no_memory(self) -> None:
        """The kernel does not take it, and leaves it without a driver."""
        self.memory.create_namespace(size=64 * MIB)
        result = self.daxctl('reconfigure-device -m system-ram dax0.1')
        self.assertEqual(234, result.returncode)
        self.assertIn('libdaxctl: daxctl_dev_enable: dax0.1: failed to enable', result.stderr)
        self.assertFalse(self.memory.namespace('namespace0.1').openable)

    def test_others_may_not(self) -> None:
        """Only root binds drivers."""
        result = self.daxctl('reconfigure-device -m system-ram dax0.0', as_root=False)
        self.assertEqual(240, result.returncode)
        self.assertTrue(self.memory.namespaces[0].openable)

    def test_a_kernel_that_onlines_memory(self) -> None:
        """daxctl needs to be forced, and finds the memory online."""
        self.memory = PersistentMemory([DimmSpec(2 * GIB, labels='initialized')],
                                       release=DEBIAN_13)
        self.memory.create_namespace(size=GIB, map='mem')
        self.assertEqual(240, self.daxctl('reconfigure-device -m system-ram dax0.0').returncode)
        self.assertEqual(0, self.daxctl('reconfigure-device -m system-ram -f dax0.0').returncode)
        self.assertEqual((7, False), (self.device()['online_memblocks'], self.device()['movable']))


class DisabledDeviceTest(testtools.TestCase):
    """A dax device without a driver."""

    def test_it_is_listed_as_disabled(self) -> None:
        """Its namespace stays active."""
        memory = labelled(GIB)
        memory.create_namespace()
        memory.run(['daxctl', 'disable-device', 'dax0.0'])
        self.assertEqual('disabled', json.loads(memory.run(['daxctl', 'list']).stdout)[0]['state'])
        self.assertEqual('enabled', memory.namespaces[0].state)
        result = memory.run(['daxio', '-z', '-o', '/dev/dax0.0'])
        self.assertEqual("daxio: failed to open '/dev/dax0.0': No such device or address\n",
                         result.stderr)


class ConfigurationTest(testtools.TestCase):
    """``--check-config`` on a machine without configuration files."""

    def test_no_section_configures_a_new_device(self) -> None:
        """``create-device`` reports the missing section of its argument and succeeds."""
        self.assertEqual(
            CommandResult(0, '', 'x: missing or malformed config section\n'),
            PersistentMemory([]).run(['daxctl', 'create-device', '-C', 'a/x']))

    def test_a_mode_and_a_file_exclude_each_other(self) -> None:
        """``create-device`` and ``reconfigure-device`` refuse both together."""
        for command in ('create-device', 'reconfigure-device'):
            refused = PersistentMemory([]).run(['daxctl', command, '-C', 'x', '-m', 'devdax'])
            self.assertEqual(129, refused.returncode)
            self.assertIn('x: -C cannot be used with --mode', refused.stderr)
