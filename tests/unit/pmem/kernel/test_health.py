from __future__ import annotations

import json

import testtools

from vpmem_harness import exceptions
from vpmem_harness.pmem import DimmSpec, PersistentMemory
from vpmem_harness.pmem.kernel.health import Firmware, Health
from vpmem_harness.pmem.kernel.sizes import GIB


class HealthTest(testtools.TestCase):
    """What the firmware of a DIMM reports."""

    def test_listed(self) -> None:
        """Fields that are None are left out; temperatures have a fraction."""
        memory = PersistentMemory([DimmSpec(GIB, health=Health(
            temperature_celsius=31.0, shutdown_state='dirty', shutdown_count=3,
            spares_percentage=None))])
        text = memory.run(['ndctl', 'list', '-DH']).stdout
        health = json.loads(text)[0]['health']
        self.assertIn('"temperature_celsius":31.0,', text)
        self.assertEqual(('dirty', 3), (health['shutdown_state'], health['shutdown_count']))
        self.assertNotIn('spares_percentage', health)

    def test_most_verbose(self) -> None:
        """-vvv shows health and firmware too."""
        memory = PersistentMemory([DimmSpec(
            GIB, health=Health(), firmware=Firmware(current_version=0x10, can_update=True))])
        [bus] = json.loads(memory.run(['ndctl', 'list', '-vvv']).stdout)
        self.assertEqual({'current_version': 16, 'can_update': True},
                         bus['dimms'][0]['firmware'])
        self.assertEqual('ok', bus['dimms'][0]['health']['health_state'])

    def test_without_firmware(self) -> None:
        """QEMU's DIMMs report nothing."""
        memory = PersistentMemory([DimmSpec(GIB)])
        self.assertNotIn('health', json.loads(memory.run(['ndctl', 'list', '-DH']).stdout)[0])

    def test_fields_are_checked(self) -> None:
        """A wrong value is named."""
        for fields in ({'health_state': 'fine'}, {'spares_percentage': 101},
                       {'shutdown_count': -1}, {'alarm_spares': 1},
                       {'temperature_celsius': 'hot'}):
            with self.subTest(fields=fields):
                error = self.assertRaises(exceptions.InvalidInputError, Health.reported, fields)
                self.assertIn(next(iter(fields)), str(error))

    def test_unknown_field(self) -> None:
        """It is refused by name."""
        error = self.assertRaises(exceptions.InvalidInputError, Health.reported, {'mood': 'ok'})
        self.assertIn('mood', str(error))
