"""Faults that are described in words."""

from __future__ import annotations

import libvirt
import testtools

from tests import base
from vpmem_harness import fixtures
from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.fleet.fault_kinds import begin_fault, fault_kinds


class FaultKindsTest(testtools.TestCase):

    def test_each_kind_without_a_function(self):
        """The kinds are the methods that begin a fault; one that takes a function is left out."""
        self.assertTrue({'failing', 'hanging', 'dropping', 'slow', 'tool-failing', 'tool-slow',
                         'tool-absent', 'vanishing', 'bad', 'creation-race', 'daemon-down'}
                        <= set(fault_kinds()))
        self.assertNotIn('at', fault_kinds())

    def test_usage(self):
        """Positional arguments come first, and optional ones are in brackets."""
        usage = fault_kinds()['tool-slow'].usage
        self.assertTrue(usage.startswith('tool-slow PROGRAM [SUBCOMMAND] --seconds VALUE'), usage)


    def test_summaries_are_plain_text(self):
        """A summary has no markup, and no call as in Python."""
        for kind in fault_kinds().values():
            self.assertNotIn('``', kind.summary)
            self.assertNotRegex(kind.summary, r'\w\(')


class BeginFaultTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.host = self.useFixture(fixtures.HostFixture(pmem='SMALL:2x4GiB')).host

    def begin(self, kind, *words, **options):
        return begin_fault(self.host, kind, words, options)

    def test_a_procedure_that_fails(self):
        """The error can be named, and the numbers are converted."""
        self.begin('failing', 'connectGetHostname', error='VIR_ERR_NO_DOMAIN', times='1')
        error = self.assertRaises(libvirt.libvirtError, self.host.connection.getHostname)
        self.assertEqual(libvirt.VIR_ERR_NO_DOMAIN, error.get_error_code())
        self.assertEqual('host1', self.host.connection.getHostname())

    def test_errors_by_name_and_by_number(self):
        """The prefix of a name can be left out."""
        for text in ('NO_DOMAIN', 'no-domain', str(libvirt.VIR_ERR_NO_DOMAIN)):
            fault = self.begin('failing', 'connectGetHostname', text)
            self.assertIn(f'error {libvirt.VIR_ERR_NO_DOMAIN}', fault.what)

    def test_a_tool_that_fails(self):
        """A program takes its options by name."""
        self.begin('tool-failing', 'ndctl', 'list', status='3', text='no')
        result = self.host.run('ndctl', 'list')
        self.assertEqual((3, 'no\n'), (result.returncode, result.stderr))

    def test_a_namespace_that_vanishes(self):
        """A namespace is named as in Python."""
        self.begin('vanishing', 'ns_0')
        self.assertEqual('disabled', next(
            one.state for one in self.host.namespaces if one.name == 'ns_0'))

    def test_a_boolean(self):
        """A boolean is yes or no."""
        self.assertIn('down', self.begin('daemon-down', domains='no').what)

    def test_what_cannot_be_used(self):
        """The error says what is expected."""
        for words, options, expected in (
                (['odd'], {}, 'failing'),
                (['failing'], {}, 'PROCEDURE'),
                (['failing', 'x'], {}, ''),
                (['failing', 'connectGetHostname', 'odd'], {}, 'VIR_ERR_'),
                (['hanging', 'connectGetHostname', 'more'], {}, 'hanging PROCEDURE'),
                (['hanging', 'connectGetHostname'], {'odd': '1'}, '--times'),
                (['hanging', 'connectGetHostname'], {'times': 'x'}, 'a whole number'),
                (['tool-slow', 'ndctl'], {'seconds': 'x'}, 'a number'),
                (['tool-slow', 'ndctl'], {}, '--seconds'),
                (['daemon-down'], {'domains': 'x'}, 'yes or no')):
            error = self.assertRaises(InvalidInputError, self.begin, *words, **options)
            self.assertIn(expected, error.expected)
