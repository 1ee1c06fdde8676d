"""The hypervisor's connection and the procedure table agree."""

from __future__ import annotations

import inspect

import testtools

from vpmem_harness.libvirtd.hypervisor.connection import Connection
from vpmem_harness.libvirtd.wire.procedures import BY_NAME


class ContractTest(testtools.TestCase):

    def test_methods_take_what_the_table_gives(self):
        """Each method that answers a procedure takes as many arguments as the procedure has."""
        wrong = {}
        for name, method in inspect.getmembers(Connection, inspect.isfunction):
            procedure = BY_NAME.get(name)
            if procedure is not None:
                arguments = [field.name for field in procedure.arguments.fields]
                try:
                    inspect.signature(method).bind(None, *arguments)
                except TypeError as error:
                    wrong[name] = str(error)
        self.assertEqual({}, wrong)
