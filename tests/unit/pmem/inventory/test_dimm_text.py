import testtools

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.pmem.inventory import dimm_text
from vpmem_harness.pmem.kernel.dimms import DimmSpec
from vpmem_harness.pmem.kernel.health import Health
from vpmem_harness.pmem.kernel.sizes import GIB, KIB, MIB


class DimmTextTest(testtools.TestCase):
    """DIMMs on the command line."""

    def test_interleave_set(self):
        """A number before the size repeats the DIMM."""
        self.assertEqual(
            [DimmSpec(252 * GIB, 1, 'initialized', 128 * KIB, interleave='a', target_node=3,
                      offset=256 * MIB)] * 6,
            dimm_text.parse_dimms('6x252GiB,interleave=a,numa=1,target=3,offset=256MiB,'
                                  'labels=initialized,area=128KiB'))

    def test_identity(self):
        """Numbers can be hexadecimal, as `ndctl list -Du` prints them."""
        self.assertEqual(
            DimmSpec(GIB, id='8089-a2-1837-00000b5d', handle=0x1001, phys_id=43, iset_id=7,
                     security='locked', flags=('failed_arm', 'smart_event'), provider='e820'),
            dimm_text.parse_dimm('1GiB,id=8089-a2-1837-00000b5d,handle=0x1001,phys_id=43,'
                                 'iset_id=0x7,security=locked,flags=failed_arm+smart_event,'
                                 'bus=e820'))

    def test_health(self):
        """The state and the number of dirty shutdowns; the rest is good."""
        self.assertEqual(
            DimmSpec(GIB, health=Health(health_state='critical', shutdown_count=4),
                     firmware_commands=True),
            dimm_text.parse_dimm('1GiB,health=critical,shutdown_count=4,firmware_commands=yes'))

    def test_malformed(self):
        """What is wrong is named."""
        for text, wrong in (('0x1GiB', 'number of DIMMs'), ('2x1GiB,handle=1', 'handle'),
                            ('1GiB,handle=one', 'handle'), ('1GiB,security=open', 'security'),
                            ('1GiB,target=-1', 'target node'), ('1GiB,flags=odd', 'flags'),
                            ('1GiB,numa=1,numa_node=1', 'once'), ('1GiB,interleave=', 'word'),
                            ('1GiB,id=8089', 'id'), ('1GiB,offset=3B', 'offset'),
                            ('1GiB,speed=1', 'iset_id'), ('1GiB,bus=CXL', 'provider')):
            error = self.assertRaises(InvalidInputError, dimm_text.parse_dimms, text)
            self.assertIn(wrong, str(error))

    def test_one(self):
        """Where one DIMM is wanted, several are refused."""
        self.assertRaises(InvalidInputError, dimm_text.parse_dimm, '2x1GiB')
