"""The procedure groups and the procedure table agree."""

from __future__ import annotations

import inspect

import testtools

from vpmem_harness.libvirtd.hypervisor import procedure_group
from vpmem_harness.libvirtd.hypervisor.connection import PROCEDURES, Connection
from vpmem_harness.libvirtd.hypervisor.hypervisor import Hypervisor
from vpmem_harness.libvirtd.hypervisor.procedure_group import Group, ProcedureGroup, procedure
from vpmem_harness.libvirtd.wire.procedures import BY_NAME


class One(ProcedureGroup):

    @procedure
    def connect_get_type(self) -> str:
        return 'one'


class Other(One):
    pass


class ContractTest(testtools.TestCase):

    def test_every_procedure_is_in_the_table(self):
        """Each method marked as a procedure has a row in the procedure table."""
        self.assertEqual(set(), PROCEDURES.keys() - BY_NAME.keys())

    def test_methods_take_the_arguments_of_the_table(self):
        """Each method that answers a procedure takes the procedure's number of arguments."""
        wrong = {}
        connection = Hypervisor('host').connect()
        for name in PROCEDURES:
            arguments = [field.name for field in BY_NAME[name].arguments.fields]
            try:
                inspect.signature(connection.find(name)).bind(*arguments)
            except TypeError as error:
                wrong[name] = str(error)
        self.assertEqual({}, wrong)

    def test_every_method_named_after_a_procedure_is_marked(self):
        """A group's method with the name of a procedure is marked, so that clients reach it."""
        groups = [group.kind for group in vars(Connection).values() if isinstance(group, Group)]
        named = {name for group in groups for name in dir(group) if name in BY_NAME}
        self.assertEqual(set(), named - PROCEDURES.keys())

    def test_a_procedure_belongs_to_one_group(self):
        """Two groups that answer the same procedure are an error."""
        class Ambiguous:
            one = Group(One)
            other = Group(Other)

        error = self.assertRaises(ValueError, procedure_group.index, Ambiguous)
        self.assertEqual("connect_get_type is answered by the groups 'one' and 'other'",
                         str(error))

    def test_a_connection_keeps_its_groups(self):
        """A group is one object for the connection's whole life."""
        connection = Hypervisor('host').connect()
        self.assertIs(connection.lifecycle, connection.lifecycle)
        self.assertIs(connection, connection.lifecycle.connection)
