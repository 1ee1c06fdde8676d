"""What identifies becomes a pseudonym, a secret becomes stars, and the rest stays as it is."""

from __future__ import annotations

import base64
import json
import time
import urllib.parse

import testtools
from oslo_utils import strutils

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.fixtures.seeds import TestSeed
from vpmem_harness.safelog.redaction import Redactor
from vpmem_harness.safelog.secret import MASK, Secret

#: A version that could be an address, put together here because the source must hold none.
VERSION = '.'.join('1234')


class RedactionTest(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.randomness = self.useFixture(TestSeed()).randomness
        self.redactor = Redactor({})
        #: Looks like a password: letters, digits, and what people mix in.
        self.canary = f'Cn{self.randomness.bytes(5).hex()}'

    def redact(self, text: str) -> str:
        once = self.redactor.redact(text)
        self.assertEqual(once, self.redactor.redact(once), 'a second time changes something')
        return once

    def assertRedacted(self, expected: str, text: str) -> None:
        self.assertEqual(expected, self.redact(text))

    def assertUntouched(self, text: str) -> None:
        self.assertRedacted(text, text)


class SecretsTest(RedactionTest):

    def assertMasked(self, form: str) -> None:
        """The place of %s in the form is masked, and nothing else is."""
        self.assertRedacted(form.replace('%s', MASK), form.replace('%s', self.canary))

    def test_assignments(self):
        """A word that announces a secret, in the ways in which values follow names."""
        for form in ('password=%s', 'password = %s', "adminPass='%s'", 'admin_pass: "%s", x',
                     '{"adminPass": "%s", "name": 1}', "{'auth_token': u'%s'}", 'token=>%s',
                     'PASSWORD=%s', 'os_password: %s', 'db_password=%s&x=1', 'chappassword=%s',
                     'api_key=%s;', 'sslkey=%s', 'fernetkey="%s"', 'aws_secret_access_key = %s',
                     '(password=%s)', 'call(secret=%s, x=1)', '[token=%s]', "password '%s' refused",
                     "('X-Auth-Token', '%s')", 'password%3D%s', 'private_key = %s',
                     'password_hash=%s', 'x.password=%s', 'rabbit_password2=%s'):
            with self.subTest(form):
                self.assertMasked(form)

    def test_user_data(self):
        """What a server runs when it first boots holds passwords, and anybody decodes base64."""
        data = base64.b64encode(f'chpasswd: {self.canary}'.encode()).decode()
        for form in ('{"user_data": "%s", "name": 1}', "user_data='%s'", 'userdata: %s'):
            self.assertNotIn(data, self.redactor.redact(form % data))
        self.assertEqual('user_data=None', self.redactor.redact('user_data=None'))

    def test_json_within_json(self):
        """Escaped quotes are quotes."""
        body = json.dumps({'body': json.dumps({'adminPass': self.canary, 'name': 'a b'})})
        self.assertEqual({'adminPass': MASK, 'name': 'a b'},
                         json.loads(json.loads(self.redact(body))['body']))

    def test_awkward_values(self):
        """Quotes, commas, brackets, backslashes and spaces do not let the rest out."""
        for value in ('a"b', "a'b", 'a b', 'a,b', 'a)b', 'a\\b', 'a;b', 'a&b', 'a{b}c', 'é', 'a<b'):
            secret = f'{self.canary}{value}{self.canary}'
            for text in (json.dumps({'password': secret}), repr({'password': secret}),
                         json.dumps(repr({'password': secret}))):
                with self.subTest(text):
                    self.assertNotIn(self.canary, self.redact(text))
        for value in ('a,b', 'a)b', 'a\\b', 'a;b', 'a&b'):
            with self.subTest(value):
                self.assertNotIn(self.canary, self.redact(f'password={self.canary}{value}'
                                                          f'{self.canary}'))

    def test_value_that_is_cut_off(self):
        """A quoted value whose end was cut is a value."""
        self.assertMasked('"password": "%s')

    def test_json_stays_json(self):
        """A number under a secret name becomes a string."""
        self.assertEqual({'token': MASK, 'n': 1}, json.loads(self.redact('{"token": 123, "n": 1}')))

    def test_vnc_password_in_xml(self):
        """The attribute of libvirt's graphics element."""
        self.assertMasked("<graphics type='vnc' port='-1' passwd='%s' keymap='en-us'/>")

    def test_elements(self):
        """XML elements named for a secret."""
        self.assertMasked('<password>%s</password>')
        self.assertMasked('<nova:admin_pass a="b">%s</nova:admin_pass>')

    def test_headers(self):
        """Tokens in HTTP headers."""
        for form in ('X-Auth-Token: %s', 'X-Subject-Token: %s', "'X-Auth-Token': '%s'",
                     'Authorization: Bearer %s', 'authorization: Basic %s', 'Bearer %s',
                     '-H "X-Auth-Token: {SHA256}%s"', 'Cookie: %s', 'Authorization: %s'):
            with self.subTest(form):
                self.assertNotIn(self.canary, self.redact(form.replace('%s', self.canary + '1')))

    def test_command_lines(self):
        """Options that take a secret."""
        self.assertMasked('openstack --os-password %s server list')
        self.assertMasked('openstack --os-token=%s server list')

    def test_credentials_in_uris(self):
        """User and password of a URI, also when they hold what should have been escaped."""
        for password in (self.canary, f'{self.canary}@x', f'{self.canary}/x', f'{self.canary}:x'):
            with self.subTest(password):
                self.assertEqual('mysql+pymysql://***:***@<host:1>/nova?charset=utf8', self.redact(
                    f'mysql+pymysql://nova:{password}@db.site/nova?charset=utf8'))
        self.assertNotIn(self.canary, self.redact(
            f'rabbit://nova:{self.canary}@a:5672,nova:{self.canary}@b:5672//'))

    def test_pem_blocks(self):
        """Keys and certificates, with real and with escaped ends of lines, and cut off."""
        for end in ('\n', '\\n'):
            block = end.join(('-----BEGIN RSA ' 'PRIVATE KEY-----', self.canary, self.canary,
                              '-----END RSA ' 'PRIVATE KEY-----', 'after'))
            with self.subTest(end):
                redacted = self.redact(block)
                self.assertNotIn(self.canary, redacted)
                self.assertIn('after', redacted)
        cut = f'-----BEGIN CERTIFICATE-----\n{self.canary}'
        self.assertNotIn(self.canary, self.redact(cut))

    def test_tokens_by_their_form(self):
        """What is a key wherever it stands."""
        letters = self.randomness.bytes(40).hex()
        for token in ('AKIA' + letters[:16].upper(), 'gAAAAA' + letters, 'ghp_' + letters[:36],
                      f'eyJ{letters[:20]}.eyJ{letters[:20]}.{letters[:20]}',
                      'AQ' + base64.b64encode(self.randomness.bytes(28)).decode()):
            with self.subTest(token[:4]):
                self.assertRedacted(f'got {MASK} here', f'got {token} here')

    def test_ssh_keys(self):
        """A key is its owner's alone, also a public one, and so are its fingerprints."""
        kind = b'ssh-ed25519'
        raw = b''.join(len(part).to_bytes(4, 'big') + part
                       for part in (kind, self.randomness.bytes(32)))
        for key in (base64.b64encode(raw).decode(),
                    'SHA256:' + base64.b64encode(self.randomness.bytes(32)).decode().rstrip('='),
                    self.randomness.bytes(16).hex(':')):
            with self.subTest(key):
                self.assertRedacted(f'ssh-ed25519 {MASK} a', f'ssh-ed25519 {key} a')

    def test_libvirt_secret_bodies(self):
        """virsh's command and the call of the API."""
        uuid = self.randomness.uuid()
        for text in (f'virsh secret-set-value {uuid} {self.canary}',
                     f'virsh secret-set-value --secret {uuid} --base64 {self.canary}',
                     f"secretSetValue(b'{self.canary}', 0)", f"secret.setValue('{self.canary}')"):
            with self.subTest(text):
                self.assertNotIn(self.canary, self.redact(text))

    def test_all_that_oslo_utils_masks(self):
        """Each name that mask_password knows, but for the two that name UUIDs."""
        for name in set(strutils._SANITIZE_KEYS) - {'secret_uuid', 'cephclusterfsid'}:
            for form in (f'{name}=%s', f'"{name}": "%s"', f'<{name}>%s</{name}>'):
                with self.subTest(form):
                    self.assertMasked(form)

    def test_harmless_neighbours_stay(self):
        """Words that hold a secret's word, and values that say there is none."""
        for text in ('secret_usage_type=ceph', 'token_type=bearer', '"password_expires_at": "2026"',
                     'password=None', "'token': None", 'bypass=1', 'passed: 3', 'primary_key=5',
                     'keys: 7', 'key=value', 'compass: north', 'Bearer authentication is off',
                     '"auth": {"token": {"methods": 1}}', 'a secret of libvirt', 'monkey=1',
                     'token <uuid:a>', "<secret type='ceph'/>", 'password: ""', 'cookies are off'):
            with self.subTest(text):
                self.assertUntouched(text)

    def test_secret_uuid_is_a_uuid(self):
        """What names a secret gives nothing away, but for being a UUID."""
        self.assertRedacted('secret_uuid=<uuid:a>', f'secret_uuid={self.randomness.uuid()}')

    def test_known_secret_wherever_it_stands(self):
        """A protected value is masked inside of words and in every usual encoding."""
        secret = f'{self.canary}"é /<'
        self.redactor.protect(Secret(secret))
        raw = secret.encode()
        for text in (f'x{secret}y', json.dumps(secret), repr(secret), repr(raw),
                     urllib.parse.quote(secret), urllib.parse.quote_plus(secret),
                     base64.b64encode(raw).decode(), raw.hex(),
                     secret.replace('<', '&lt;').replace('"', '&quot;')):
            with self.subTest(text):
                redacted = self.redact(text)
                self.assertIn(MASK, redacted)
                self.assertNotIn(self.canary, redacted)

    def test_secrets_of_the_environment(self):
        """The values of variables that are named for a secret are protected, others are not."""
        redactor = Redactor({'OS_PASSWORD': self.canary, 'EDITOR': 'emacs-with-' + self.canary[:3]})
        self.assertEqual('***, emacs-with-' + self.canary[:3],
                         redactor.redact(f'{self.canary}, emacs-with-{self.canary[:3]}'))

    def test_short_secret_does_not_blank_the_log(self):
        """A value of a letter or two would be found everywhere."""
        self.redactor.protect('a')
        self.assertUntouched('a man, a plan')


class IdentifiersTest(RedactionTest):

    def test_uuid_in_each_spelling(self):
        """Dashes and case make no other UUID, and a prefix does not hide one."""
        uuid = self.randomness.uuid()
        self.assertRedacted('<uuid:a> <uuid:a> <uuid:a> req-<uuid:a> x_<uuid:a> instance-<uuid:a>.',
                            f'{uuid} {uuid.upper()} {uuid.replace("-", "")} req-{uuid} x_{uuid} '
                            f'instance-{uuid}.')

    def test_host_names(self):
        """A protected name is found as a word, alone and as part of a longer name."""
        self.redactor.protect('compute1', 'host')
        self.redactor.protect('compute1.rack.site', 'host')
        self.assertRedacted('<host:2> (<host:1>) <host:2>_state <host:2>.other compute12',
                            'compute1 (compute1.rack.site) compute1_state compute1.other compute12')

    def test_name_of_one_kind_of_pseudonym(self):
        """A host whose name stands in the pseudonyms themselves does not garble them."""
        self.redactor.protect('host', 'host')
        self.assertRedacted('<host:1> and <host:2>', 'host and <host:2>')

    def test_many_host_names(self):
        """A thousand protected names are all found."""
        names = [f'compute-{number:04}' for number in range(1000)]
        for name in names:
            self.redactor.protect(name, 'host')
        self.assertNotIn('compute', self.redact(' '.join(names)))

    def test_hosts_by_their_place(self):
        """Names that nobody protected: in URIs, behind 'host', in XML."""
        self.assertRedacted('qemu+tcp://<host:1>/system', 'qemu+tcp://node7/system')
        self.assertRedacted('hypervisor_hostname="<host:1>"', 'hypervisor_hostname="node7"')
        self.assertRedacted("<host name='<host:1>' port='1'/>", "<host name='node7' port='1'/>")
        self.assertRedacted('<hostname><host:1></hostname>', '<hostname>node7</hostname>')

    def test_public_hosts_stay(self):
        """Namespaces of XML and links to documentation name nobody's machine."""
        self.assertUntouched('xmlns:nova="http://openstack.org/xmlns/libvirt/nova/1.1" '
                             'xmlns:qemu="http://libvirt.org/schemas/domain/qemu/1.0" '
                             'https://docs.openstack.org/nova/ qemu:///system')

    def test_addresses(self):
        """MAC and IP addresses; a prefix length and a port stay."""
        mac = self.randomness.mac()
        self.assertRedacted('<mac:1> <mac:1> <ip:1>/24 <ip:1>:5900 <ip:2> [<ip:3>]:80',
                            f'{mac} {mac.replace(":", "-").upper()} 192.0.2.1/24 192.0.2.1:5900 '
                            '2001:db8::1 [2001:db8:0:0::2]:80')

    def test_addresses_of_every_machine_stay(self):
        """Loopback, any, masks, the MAC address of nobody."""
        self.assertUntouched('127.0.0.1 ::1 :: 0.0.0.0 255.255.255.0 00:00:00:00:00:00 '
                             'ff:ff:ff:ff:ff:ff')

    def test_what_looks_like_an_address(self):
        """Versions, times, PCI addresses, slices, sizes, kernel namespaces, memory addresses."""
        self.assertUntouched(
            f'version {VERSION} v{VERSION} pkg=={VERSION} pkg-{VERSION}.tar 9.0.0 6.1.0-56-amd64 '
            '12:34:56 '
            '2026-11-21T13:51:38.123456 0000:00:1f.2 a[::2] std::dec 1.5.2 namespace0.0 dax0.1 '
            '0x7f1234567890ab 34359738368 4.0 GiB 7f8a1c000000-7f8a1c021000 '
            '9b2f4c6d8e0a1b3c5d7e9f0a1b2c3d4e5f6a7b8c')

    def test_users_and_projects(self):
        """Ids that are no UUIDs, by the word before them."""
        self.assertRedacted("user_id=<id:1> 'project_id': '<id:2>' tenant: <id:2> owner=None",
                            "user_id=alice 'project_id': 'demo' tenant: demo owner=None")
        self.assertRedacted('<nova:user uuid="<uuid:a>"><id:1></nova:user>',
                            f'<nova:user uuid="{self.randomness.uuid()}">alice</nova:user>')

    def test_paths(self):
        """What lies below a home or a temporary directory; a sentence's full stop stays."""
        self.assertRedacted('<path:1>, <path:2>. "<path:3>" socket=<path:1>',
                            '/home/alice/a, /tmp/b.c/d. "/home/alice/my files/x" '
                            'socket=/home/alice/a')
        self.assertRedacted('?socket=<path:4>&x=1', '?socket=%2Ftmp%2Fa%2Fb&x=1')

    def test_paths_elsewhere_stay(self):
        """System paths, devices, and paths that only end as a home begins."""
        self.assertUntouched('/dev/dax0.0 /srv/pmem/ns_0 /var/lib/x/tmp/y /usr/bin/virsh ~/x /tmp')

    def test_protected_path_keeps_what_is_below(self):
        """The log of a run can be followed from file to file."""
        self.redactor.protect('/home/alice/run', 'path')
        self.assertRedacted('<path:1>/a/socket <path:1> <path:2>',
                            '/home/alice/run/a/socket /home/alice/run /home/alice/running')

    def test_a_quoted_command_keeps_no_path_behind_its_first(self):
        """What begins with a path that keeps its end can be a whole command line."""
        self.redactor.protect('/home/alice/run', 'path')
        self.assertRedacted('CMD "<path:1>/bin/tool info <path:2>" returned',
                            'CMD "/home/alice/run/bin/tool info /tmp/b/disk" returned')

    def test_code_keeps_its_names(self):
        """A traceback is of use: the files of Python and of the harness keep their ends."""
        redacted = self.redact(f'File "{json.__file__}", line 1')
        self.assertTrue(redacted.endswith('/json/__init__.py", line 1'), redacted)

    def test_unknown_kind_is_refused(self):
        """A kind that cannot be protected is refused by name."""
        self.assertRaises(InvalidInputError, self.redactor.protect, 'x', 'colour')


class RobustnessTest(RedactionTest):

    def test_failure_withholds_the_text(self):
        """When redaction itself fails, nothing gets out."""
        self.redactor.pseudonyms = None  # type: ignore[assignment]
        self.assertNotIn('192.0.2.1', self.redactor.redact('192.0.2.1'))

    def test_no_text_takes_long(self):
        """Texts made to keep the patterns busy take time in proportion to their length."""
        for piece in ('password="', '-' * 50, '://', 'a:', '1.1.', '<password', '\\', '{', 'host',
                      '"password": \\"', '-----BEGIN X-----', '0', 'a-', '--token ', '_', 'user=',
                      'bearer ', '/home/', '\U00010400', 'İ'):
            text = piece * (20_000 // len(piece))
            begun = time.process_time()
            self.redactor.redact(f'x {text} y')
            with self.subTest(piece):
                self.assertLess(time.process_time() - begun, 1.0)

    def test_unsafe_leaves_everything(self):
        """Who asks for it gets the text as it is."""
        self.assertEqual('password=x 192.0.2.1',
                         Redactor({}, unsafe=True).redact('password=x 192.0.2.1'))
