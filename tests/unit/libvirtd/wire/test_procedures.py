"""The procedure table is complete and agrees with libvirt's sources."""

from __future__ import annotations

import libvirt
import testtools

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.libvirtd.wire import shapes, table
from vpmem_harness.libvirtd.wire.procedures import BY_NAME, PROGRAMS, lookup


class TableTest(testtools.TestCase):

    def test_every_number_is_there(self):
        """The numbers of the remote program have no gaps."""
        numbers = sorted(PROGRAMS[table.REMOTE_PROGRAM])
        self.assertEqual(list(range(1, numbers[-1] + 1)), numbers)

    def test_every_shape_can_be_read(self):
        """Every line parses."""
        for procedure in BY_NAME.values():
            self.assertIsInstance(procedure.arguments, shapes.Struct)
            self.assertIsInstance(procedure.results, shapes.Struct)

    def test_a_line(self):
        """A procedure has number, function, mark, shapes and error domain."""
        procedure = BY_NAME['domain_create_with_flags']
        self.assertEqual(
            (table.REMOTE_PROGRAM, 196, 'virDomainCreateWithFlags', True, ['dom', 'flags'],
             ['dom'], libvirt.VIR_FROM_DOMAIN),
            (procedure.program, procedure.number, procedure.function,
             procedure.refused_to_readers, [f.name for f in procedure.arguments.fields],
             [f.name for f in procedure.results.fields], procedure.error_domain))

    def test_limits_of_lists(self):
        """A list has libvirt's limit."""
        (result, _) = BY_NAME['connect_list_all_node_devices'].results.fields
        self.assertEqual(65536, result.type.limit)

    def test_messages_have_no_function(self):
        """A client cannot call the number of a message."""
        self.assertIsNone(BY_NAME['domain_event_callback_device_removed'].function)

    def test_functions_are_public(self):
        """libvirt-python knows the public functions of the table."""
        methods = {name.lower() for kind in (libvirt.virConnect, libvirt.virDomain)
                   for name in vars(kind)}
        for procedure in ('domain_get_xml_desc', 'domain_inject_nmi', 'node_get_cpu_map'):
            name = BY_NAME[procedure].function.removeprefix('virDomain').removeprefix('virNode')
            self.assertIn(name.removeprefix('Get').lower(), {m.removeprefix('get')
                                                            for m in methods})


class LookupTest(testtools.TestCase):

    def test_as_people_name_it(self):
        """lookup accepts function names with and without prefix, and procedure names."""
        for name in ('domainCreateWithFlags', 'virDomainCreateWithFlags',
                     'domain_create_with_flags'):
            self.assertEqual(196, lookup(name).number)
        self.assertEqual('qemu_domain_monitor_command',
                         lookup('domainQemuMonitorCommand').method)

    def test_of_several_the_newest(self):
        """If two procedures have the same function, lookup returns the one that clients use."""
        self.assertEqual(316, lookup('connectDomainEventRegisterAny').number)

    def test_by_the_name_of_libvirt_pythons_method(self):
        """A method name refers to a domain first, and to the procedure that the client calls."""
        for name, procedure in (
                ('createWithFlags', 'domain_create_with_flags'), ('info', 'domain_get_info'),
                ('getInfo', 'node_get_info'), ('lookupByUUIDString', 'domain_lookup_by_uuid'),
                ('migrateToURI3', 'domain_migrate_perform3_params')):
            self.assertEqual(procedure, lookup(name).name)

    def test_what_no_daemon_is_asked(self):
        """A method without a call to the daemon has no procedure."""
        self.assertRaises(InvalidInputError, lookup, 'UUIDString')

    def test_a_name_that_there_is_not(self):
        """The error suggests similar names."""
        error = self.assertRaises(InvalidInputError, lookup, 'domainCreateWithFlag')
        self.assertIn('virDomainCreateWithFlags', str(error))

    def test_a_name_like_no_other(self):
        """The error has an example, and does not guess."""
        error = self.assertRaises(InvalidInputError, lookup, 'nope')
        self.assertEqual('name one such as virDomainCreateWithFlags', error.remedy)


class NotationTest(testtools.TestCase):

    def test_what_is_no_notation(self):
        """A field without a type is an error."""
        self.assertRaises(ValueError, shapes.read_fields, 'dom flags:uint', {})

    def test_nested_shapes(self):
        """Shapes nest in parentheses, lists and optional types."""
        read = shapes.read_fields('a:(b:int c:string?)[3] d:chars*4 e:opaque[2]', {})
        self.assertEqual(shapes.Struct((
            shapes.Field('a', shapes.ListOf(shapes.Struct((
                shapes.Field('b', shapes.Scalar('int')),
                shapes.Field('c', shapes.Optional(shapes.String())))), 3)),
            shapes.Field('d', shapes.Chars(4, True)),
            shapes.Field('e', shapes.Opaque(2)))), read)
