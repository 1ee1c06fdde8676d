"""What is known by its form: UUIDs with underscores, serial numbers, e-mail addresses."""

from __future__ import annotations

import json

import testtools

from vpmem_harness.fixtures.seeds import TestSeed
from vpmem_harness.safelog.machine import Machine
from vpmem_harness.safelog.redaction import Redactor

#: An identity as ``ndctl list`` shows it: vendor, place, date and serial number of a DIMM.
DIMM = '8089-a2-1837-00000bb2'


class IdentifiersTest(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.redactor = Redactor({}, machine=Machine())

    def assertRedacted(self, expected: str, text: str) -> None:
        self.assertEqual(expected, self.redactor.redact(text))
        self.assertEqual(expected, self.redactor.redact(expected))

    def test_uuid_with_underscores(self):
        """It is the UUID that it is with dashes."""
        uuid = self.useFixture(TestSeed()).randomness.uuid()
        self.assertRedacted('<uuid:a> x_<uuid:a>', f'{uuid} x_{uuid.replace("-", "_")}')

    def test_cut_uuid(self):
        """What is left of a UUID in a text that is too long is hidden, on both sides of the cut."""
        uuid = self.useFixture(TestSeed()).randomness.uuid()
        self.assertRedacted("'<id:1>' (<id:2>'x',)", f"'{uuid[:12]}...{uuid[23:]}' "
                                                    f"({uuid[:18]}...'x',)")
        self.assertRedacted("'<id:3>'", f"'...{uuid[19:]}'")
        self.assertRedacted('a cafe-bad... and ...-5', 'a cafe-bad... and ...-5')

    def test_dimms(self):
        """By their form anywhere, in the short form of other vendors as an id."""
        self.assertRedacted('a <serial:1> "<serial:1>"', f'a {DIMM} "{DIMM.upper()}"')
        self.assertRedacted('{"id":"<serial:2>"} 8680-57341200', '{"id":"8680-57341200"} '
                                                                 '8680-57341200')

    def test_listing_stays_json(self):
        """A number becomes a string."""
        listing = {'dimms': [{'dev': 'nmem0', 'id': DIMM, 'handle': 1}],
                   'regions': [{'dev': 'region0', 'iset_id': 10248204286309464, 'size': 1 << 40}]}
        for text in (json.dumps(listing), json.dumps(listing, indent=2)):
            self.assertEqual(
                {'dimms': [{'dev': 'nmem0', 'id': '<serial:1>', 'handle': 1}],
                 'regions': [{'dev': 'region0', 'iset_id': '<serial:2>', 'size': 1 << 40}]},
                json.loads(self.redactor.redact(text)))

    def test_number_in_two_spellings(self):
        """An iset_id is the same in decimal and in hexadecimal digits."""
        self.assertRedacted('"iset_id": "<serial:1>", "iset_id": "<serial:1>"',
                            '"iset_id": 10248204286309464, "iset_id": "0x2468b000123458"')

    def test_json_within_json(self):
        """Escaped quotes are quotes."""
        text = json.dumps(json.dumps({'iset_id': 4200000000000042, 'serial': '0x00000bb2'}))
        self.assertEqual({'iset_id': '<serial:1>', 'serial': '<serial:2>'},
                         json.loads(json.loads(self.redactor.redact(text))))

    def test_serial_numbers(self):
        """Of disks and machines, in XML and in lists."""
        for text in ('<serial>{}</serial>', "<entry name='serial'>{}</entry>", 'serial={}',
                     'Serial Number: {}', '"serial": "{}"', '<wwn>{}</wwn>', "'wwn': '{}'"):
            with self.subTest(text):
                self.assertRedacted(text.format('<serial:1>'), text.format('5000c500aabbccdd'))

    def test_serial_devices(self):
        """A serial console has no serial number."""
        for text in ("<serial type='pty'/>", 'serial: pty', 'serial console', '-serial pty',
                     'serial0', '"serial": null', 'serial: not given'):
            with self.subTest(text):
                self.assertRedacted(text, text)

    def test_email_addresses(self):
        """An address is one value; systemd's units and SSH's root are none."""
        self.assertRedacted('<email:1>, <email:2>; root@<host:1> getty@tty1.service',
                            'alice@example.com, A.B+c@mail.example.co.uk; root@node-7.example.com '
                            'getty@tty1.service')

    def test_user_at_host(self):
        """Both are hidden, also in MySQL's quotes."""
        self.assertRedacted("<id:1>@<host:1>:~$ '<id:2>'@'<host:2>' <id:1>@<ip:1>",
                            "alice@zeus:~$ 'nova'@'db7' alice@192.0.2.1")
        self.assertRedacted('pool/image@snap x@1 a @ b @patch', 'pool/image@snap x@1 a @ b @patch')

    def test_links_to_disks(self):
        """Their names contain the serial number of a disk or the identity of a file system."""
        self.assertRedacted('/dev/disk/by-id/<serial:1>, /dev/disk/by-uuid/<serial:2>.',
                            '/dev/disk/by-id/nvme-Disk_X_S4EWNX0M, /dev/disk/by-uuid/12AB-34CD.')

    def test_addresses_outside_ascii(self):
        """The whole address is hidden, not only its letters from ASCII."""
        self.assertRedacted('to <email:1>', 'to \u00e1lice@b\u00fccher.example.org')
        self.assertRedacted('<id:1>@<host:1>: x', '\u00fcnal@node7: x')

    def test_the_current_directory_is_no_secret(self):
        """A directory in a shell's ``PWD`` stays visible, here and elsewhere."""
        self.assertRedacted('PWD=/usr OLDPWD=/usr/bin', 'PWD=/usr OLDPWD=/usr/bin')
        self.assertRedacted('/usr/x.py', '/usr/x.py')

    def test_a_password_that_begins_like_a_path(self):
        """Without such a directory it is a password; so is a directory under another name."""
        self.assertRedacted('pwd=*** "pwd": "***"', 'pwd=a8 "pwd": "/no/such/directory"')
        self.assertRedacted('my_pwd=***', 'my_pwd=/usr/bin')
