"""Fleets as a user describes them."""

from __future__ import annotations

import io
from pathlib import Path
from unittest import mock

import fixtures
import testtools
from testtools.matchers import StartsWith

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.fleet.host_spec import HostSpec
from vpmem_harness.fleet.spec import (
    HostGroup,
    HostNames,
    check_fleet_name,
    groups_of_file,
    make_specs,
    parse_host,
    read_file,
    read_names,
)
from vpmem_harness.pmem.kernel.sizes import MIB

PMEM = 'SMALL:2x4GiB'


def group(count=1, name=None, **values):
    return HostGroup(count, name, values, 'the options', Path())


class HostNamesTest(testtools.TestCase):

    def names(self, *groups, **options):
        return [host.name for host in make_specs(groups, HostNames(**options))]

    def test_hosts_are_numbered_by_default(self):
        """Hosts without a name are host1, host2 and so on."""
        self.assertEqual(['host1', 'host2'], self.names(group(2)))

    def test_a_pattern_and_a_first_number(self):
        """The number stands in place of the braces."""
        self.assertEqual(['rack2-5', 'rack2-6'],
                         self.names(group(2), pattern='rack2-{}', first=5))

    def test_a_pattern_for_a_group(self):
        """A group with a pattern has numbers of its own."""
        self.assertEqual(['host1', 'big1', 'big2', 'host2'],
                         self.names(group(), group(2, 'big{}'), group()))

    def test_numbers_of_named_hosts_are_left_out(self):
        """A number that would give a name twice is not used."""
        self.assertEqual(['host1', 'host2'], self.names(group(1, 'host1'), group()))

    def test_names_of_a_list(self):
        """Listed names are used in their order."""
        self.assertEqual(['b', 'a'], self.names(group(2), listed=['b', 'a']))

    def test_too_few_names(self):
        """The error says that names are missing."""
        error = self.assertRaises(InvalidInputError, self.names, group(2), listed=['a'])
        self.assertIn('fewer', str(error))

    def test_a_name_that_occurs_twice(self):
        """Two hosts cannot have one name."""
        error = self.assertRaises(InvalidInputError, self.names, group(1, 'a'), group(1, 'a'))
        self.assertIn("'a' twice", str(error))

    def test_one_name_for_several_hosts(self):
        """The error shows a pattern."""
        error = self.assertRaises(InvalidInputError, self.names, group(2, 'a'))
        self.assertIn("'a{}'", str(error))

    def test_invalid_patterns(self):
        """A pattern has the braces once, and gives valid names."""
        for pattern in ('host', '{}{}', 'h{0}', '{', '-{}', 'a b{}'):
            self.assertRaises(InvalidInputError, HostNames, pattern)


class AddressesTest(testtools.TestCase):

    def addresses(self, pattern, *numbers):
        return [HostSpec.of('a', number, {'listen': pattern}, '--listen', Path()).listen
                for number in numbers]

    def test_the_number_in_an_address(self):
        """The braces stand for the number of the host."""
        self.assertEqual(['127.0.3.1:16509', '127.0.255.1:16509'],
                         self.addresses('127.0.{}.1:16509', 3, 255))

    def test_more_hosts_than_a_part_has_numbers(self):
        """After 255, the part before the last counts on."""
        self.assertEqual(['127.0.1.255:16509', '127.0.2.0:16509', '127.0.4.232:16509'],
                         self.addresses('127.0.1.{}:16509', 255, 256, 1000))

    def test_a_number_that_gives_no_address(self):
        """Elsewhere in an address, a number above 255 is refused."""
        error = self.assertRaises(InvalidInputError, self.addresses, '127.0.{}.1', 256)
        self.assertIn("'127.0.256.1'", str(error))

    def test_hosts_beyond_the_last_address(self):
        """The part before the last is not raised above 255."""
        error = self.assertRaises(InvalidInputError, self.addresses, '255.255.255.{}', 256)
        self.assertIn("'255.255.255.256'", str(error))


class HostsTest(testtools.TestCase):

    def host(self, text, **defaults):
        (host,) = make_specs([parse_host(text, defaults)], HostNames())
        return host

    def test_the_keys_of_one_host(self):
        """Each property has a key, and those of lists can be repeated."""
        host = self.host('name=big dimm=32GiB dimm=16GiB,numa=1 file=/srv/a=1MiB mkdir=/srv '
                         'as-user first-region=3')
        self.assertEqual(
            ('big', ('32GiB', '16GiB,numa=1'), {'/srv/a': MIB}, ('/srv',), True, 3),
            (host.name, host.dimms, host.files, host.directories, host.as_user,
             host.first_region))

    def test_defaults(self):
        """What a host does not say is as for the others."""
        self.assertEqual(PMEM, self.host('name=a', pmem=PMEM).pmem)

    def test_other_memory_replaces_the_default(self):
        """DIMMs are not combined with the namespaces of the other hosts."""
        host = self.host('dimm=32GiB', pmem=PMEM)
        self.assertEqual((None, ('32GiB',)), (host.pmem, host.dimms))

    def test_several_alike(self):
        """``count`` makes several hosts."""
        hosts = make_specs([parse_host(f'count=2 pmem={PMEM}', {})], HostNames())
        self.assertEqual(['host1', 'host2'], [host.name for host in hosts])

    def test_an_unknown_key(self):
        """The error lists the keys."""
        error = self.assertRaises(InvalidInputError, parse_host, 'ram=4', {})
        self.assertIn('pmem', error.expected)

    def test_an_open_quote(self):
        """The error says what to do."""
        error = self.assertRaises(InvalidInputError, parse_host, 'name="a', {})
        self.assertIn('quote', error.remedy)

    def test_values_that_cannot_be_used(self):
        """Memory, files, directories and numbers are checked before anything starts."""
        for text in ('pmem=SMALL', 'dimm=1', 'profile=odd', 'file=/srv/a', 'file=a=1MiB',
                     'mkdir=srv', 'first-region=x', 'as-user=perhaps', 'count=0', 'pmem',
                     'listing=/nonexistent', 'name=a/b'):
            self.assertRaises(InvalidInputError, self.host, text)

    def test_randomness_of_a_host(self):
        """A host keeps its random values when hosts after it are added."""
        few, many = (make_specs([group(count)], HostNames()) for count in (2, 3))
        self.assertEqual(few, many[:2])


class FilesTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.path = Path(self.useFixture(fixtures.TempDir()).path) / 'fleet.yaml'

    def write(self, text):
        self.path.write_text(text)
        return str(self.path)

    def hosts(self, text, **defaults):
        path = self.write(text)
        return make_specs(groups_of_file(read_file(path), path, defaults), HostNames())

    def test_a_file(self):
        """Each entry describes one host or several."""
        hosts = self.hosts(f'hosts:\n- {{count: 2, pmem: "{PMEM}"}}\n'
                           '- {name: big, dimms: [32GiB], files: {/srv/a: 1MiB}, as_user: true}\n')
        self.assertEqual([('host1', PMEM, None), ('host2', PMEM, None), ('big', None, ('32GiB',))],
                         [(host.name, host.pmem, host.dimms) for host in hosts])

    def test_a_listing_on_standard_input(self):
        """It is read once, for all hosts that name it."""
        with mock.patch('sys.stdin', io.StringIO('[]')):
            hosts = make_specs([group(2, listing='-'), parse_host('listing=-', {})], HostNames())
        self.assertEqual(['[]'] * 3, [host.listing for host in hosts])

    def test_hardware_on_standard_input(self):
        """Every host can name standard input, which is read once."""
        text = 'cells: [{memory: 1GiB, cores: 1}]'
        with mock.patch('sys.stdin', io.StringIO(text)):
            hosts = make_specs([group(2, hardware='-'), parse_host('hardware=-', {})], HostNames())
        self.assertEqual([text] * 3, [host.hardware for host in hosts])

    def test_hardware_of_a_file(self):
        """The file of a host's hardware is relative to the fleet file."""
        text = 'cells: [{memory: 1GiB, cores: 1}]'
        self.path.with_name('hw.yaml').write_text(text)
        (host,) = self.hosts('hosts:\n- {hardware: hw.yaml}\n')
        self.assertEqual(text, host.hardware)

    def test_hardware_that_is_no_file(self):
        """A name that is neither a profile nor a file is refused, and the profiles are listed."""
        error = self.assertRaises(
            InvalidInputError, make_specs, [group(hardware='huge')], HostNames())
        self.assertEqual('hardware: expected a YAML file, or one of default, optane-2s, '
                         "optane-4s, small, sriov, vgpu, got 'huge' (No such file or directory); "
                         'correct the name', str(error))

    def test_wrong_hardware_on_standard_input(self):
        """An error in the text names standard input."""
        with mock.patch('sys.stdin', io.StringIO('cells: []')):
            error = self.assertRaises(
                InvalidInputError, make_specs, [group(hardware='-')], HostNames())
        self.assertThat(error.what, StartsWith('standard input: cells'))

    def test_a_missing_listing(self):
        """The error contains the path once."""
        error = self.assertRaises(
            InvalidInputError, make_specs, [group(listing='/nonexistent')], HostNames())
        self.assertEqual('listing in the options', error.what)
        self.assertEqual("'/nonexistent' (No such file or directory)", error.got)

    def test_files_on_standard_input(self):
        """A fleet file and a file of names can be standard input."""
        with mock.patch('sys.stdin', io.StringIO('hosts: [{}]')):
            self.assertEqual({'hosts': [{}]}, read_file('-'))
        with mock.patch('sys.stdin', io.StringIO('a\nb\n')):
            self.assertEqual(['a', 'b'], read_names('-'))

    def test_closed_standard_input(self):
        """The error says so."""
        with mock.patch('sys.stdin', None):
            error = self.assertRaises(InvalidInputError, read_names, '-')
        self.assertIn('standard input is closed', error.got)

    def test_a_listing_beside_the_file(self):
        """The path of a listing is relative to the fleet file."""
        (self.path.parent / 'listing.json').write_text('[]')
        (host,) = self.hosts('hosts:\n- {listing: listing.json}\n')
        self.assertEqual('[]', host.listing)

    def test_errors_name_the_place(self):
        """An error of the schema says where it is."""
        for text, place in (('hosts: []', 'hosts'), ('hosts:\n- {pmem: 3}', 'hosts/0/pmem'),
                            ('hosts:\n- {ram: 4}', 'hosts/0'), ('[]', 'top level'),
                            ('seed: -1\nhosts: [{}]', 'seed'), ('hosts: [{count: 0}]', 'count')):
            error = self.assertRaises(InvalidInputError, read_file, self.write(text))
            self.assertIn(place, error.got)

    def test_a_file_that_cannot_be_read(self):
        """Neither a missing file nor one with other contents is a traceback."""
        self.assertRaises(InvalidInputError, read_file, '/nonexistent')
        self.assertRaises(InvalidInputError, read_file, self.write('a: b: c'))
        self.path.write_bytes(b'\xff')
        self.assertRaises(InvalidInputError, read_file, str(self.path))

    def test_names(self):
        """Empty lines and comments are left out."""
        self.assertEqual(['a', 'b'], read_names(self.write('# rack 2\na\n\n b \n')))

    def test_no_names(self):
        """A file without names is refused."""
        self.assertRaises(InvalidInputError, read_names, self.write('#\n'))


class FleetNameTest(testtools.TestCase):

    def test_invalid_names(self):
        """A name is part of a path, so it is short and has no odd characters."""
        for name in ('', 'a/b', '.', 'a b', 33 * 'a', '-a'):
            self.assertRaises(InvalidInputError, check_fleet_name, name)
        self.assertEqual('rack-2_a', check_fleet_name('rack-2_a'))
