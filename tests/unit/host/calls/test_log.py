"""The log of a host's calls: limits, selections and what a record holds."""

from __future__ import annotations

import testtools
from testtools.matchers import Contains

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.host.calls import Caller, CallLog, ToolCall
from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.values import DomainHandle, TypedParameter
from vpmem_harness.libvirtd.wire.procedures import BY_NAME
from vpmem_harness.libvirtd.wire.session import Call
from vpmem_harness.pmem import CommandResult
from vpmem_harness.serving.deferred import Deferred

CALLER = Caller(1, 'init')
GUEST = DomainHandle('guest', bytes(range(16)), 1)
GUEST_UUID = '00010203-0405-0607-0809-' + '0a0b0c0d0e0f'


class CallLogTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.now = 1000.0
        self.ended = []
        self.log = CallLog(lambda: self.now, ended=self.ended.append)

    def procedure(self, name, *arguments, results=None, error=None):
        """Record a call to libvirt that takes a second."""
        call = Call(BY_NAME[name], 1, arguments)
        record = self.log.begin_procedure(call)
        self.now += 1
        self.log.end(record, error)
        if results is not None:
            call.reply = call.procedure.results_codec.encode(results)
        return record

    def command(self, *words, result=None):
        """Record a command."""
        record = self.log.begin_command(ToolCall(words), CALLER)
        self.log.finish(record, result or CommandResult(0, 'out\n', ''))
        return record

    def fill(self, log, count, text=''):
        for _ in range(count):
            log.end(log.begin_procedure(Call(BY_NAME['domain_define_xml'], 1, (text,))))


class RecordTest(CallLogTest):

    def test_arguments_by_name(self):
        """A handle is a name, a UUID is text, and typed parameters are a dictionary."""
        create = self.procedure('domain_create_with_flags', GUEST, 4)
        self.assertEqual({'dom': 'guest', 'flags': 4}, create.arguments)
        lookup = self.procedure('domain_lookup_by_uuid', GUEST.uuid)
        self.assertEqual({'uuid': GUEST_UUID}, lookup.arguments)
        tune = self.procedure('domain_set_memory_parameters', GUEST, [
            TypedParameter.int_('hard_limit', 1), TypedParameter.string('disk', 'a'),
            TypedParameter.string('disk', 'b')], 0)
        self.assertEqual({'hard_limit': 1, 'disk': ['a', 'b']}, tune.arguments['params'])

    def test_the_result_is_that_of_the_client(self):
        """One value, several values, or none."""
        self.assertEqual('host1', self.procedure(
            'connect_get_hostname', results=('host1',)).result)
        self.assertEqual('guest', self.procedure(
            'domain_define_xml', '<domain/>', results=(GUEST,)).result)
        self.assertIsNone(self.procedure('domain_suspend', GUEST).result)

    def test_the_xml_of_a_call(self):
        """The document that was passed, or else the one that was returned."""
        self.assertEqual('<domain/>', self.procedure(
            'domain_define_xml', '<domain/>', results=(GUEST,)).xml)
        self.assertEqual('<domain id="1"/>', self.procedure(
            'domain_get_xml_desc', GUEST, 0, results=('<domain id="1"/>',)).xml)
        self.assertIsNone(self.procedure('domain_suspend', GUEST).xml)

    def test_an_error_in_place_of_a_result(self):
        """It is the error that the client gets."""
        error = LibvirtError(1, 'no')
        call = self.procedure('domain_suspend', GUEST, error=error)
        self.assertIs(error, call.error)
        self.assertTrue(call.failed)
        self.assertEqual(f'error: {error.message}', call.outcome)

    def test_time_and_duration(self):
        """Both are on the host's clock."""
        call = self.procedure('domain_suspend', GUEST)
        self.assertEqual((1000.0, 1.0), (call.time, call.duration))

    def test_a_call_in_progress(self):
        """It has no duration and no result."""
        call = self.log.begin_procedure(Call(BY_NAME['domain_suspend'], 1, (GUEST,)))
        self.assertTrue(call.in_progress)
        self.assertEqual((None, 'in progress'), (call.duration, call.outcome))

    def test_a_deferred_result_ends_the_call(self):
        """With its error, if it has one."""
        call, later = self.log.begin_procedure(
            Call(BY_NAME['domain_suspend'], 1, (GUEST,))), Deferred()
        self.log.end_later(call, later)
        self.assertTrue(call.in_progress)
        later.fail(LibvirtError(1, 'no'))
        self.assertTrue(call.failed)
        self.assertEqual([call], self.ended)

    def test_a_command(self):
        """Its words, its subcommand and its result."""
        result = CommandResult(2, '', 'no such bus\n')
        call = self.command('ndctl', '-v', 'list', '-X', result=result)
        self.assertEqual(('ndctl', 'list'), (call.name, call.subcommand))
        self.assertEqual(('-v', 'list', '-X'), call.arguments['words'])
        self.assertIs(result, call.result)
        self.assertEqual((True, 'exit status 2'), (call.failed, call.outcome))

    def test_a_repr_tells_what_happened(self):
        """Name, arguments, caller and outcome."""
        self.assertEqual(
            "<Call 1 domain_create_with_flags(dom='guest', flags=0) by process 0: ok>",
            repr(self.procedure('domain_create_with_flags', GUEST, 0)))


class SelectionTest(CallLogTest):

    def setUp(self):
        super().setUp()
        self.define = self.procedure('domain_define_xml', '<domain/>', results=(GUEST,))
        self.listing = self.command('ndctl', 'list', '-X')
        self.now += 1
        self.start = self.procedure('domain_create_with_flags', GUEST, 0)
        self.now += 1
        self.wipe = self.command('daxio', '-z', '-o', '/dev/dax0.0')

    def test_every_name_of_a_procedure(self):
        """That of the protocol, of the function and of libvirt-python's method."""
        for name in ('domain_define_xml', 'virDomainDefineXML', 'domainDefineXML', 'defineXML'):
            self.assertEqual([self.define], [*self.log.named(name)], name)

    def test_a_tool_and_its_subcommand(self):
        """As two names or as one."""
        self.assertEqual([self.listing], [*self.log.named('ndctl')])
        self.assertEqual([self.listing], [*self.log.named('ndctl', 'list')])
        self.assertEqual([self.listing], [*self.log.named('ndctl list')])
        self.assertEqual([], [*self.log.named('ndctl', 'create-namespace')])

    def test_a_name_that_does_not_exist(self):
        """It is an error, and not a call that was never made."""
        for name in (('defineXLM',), ('ndctl', 'lst'), ('daxio', 'list'), ('defineXML', 'list'),
                     (5,), ('ndctl', 5)):
            self.assertRaises(InvalidInputError, self.log.named, *name)

    def test_first_and_last(self):
        """In the order of the calls; without a call an error says so."""
        self.assertIs(self.define, self.log.first)
        self.assertIs(self.wipe, self.log.last)
        error = self.assertRaises(
            InvalidInputError, lambda: self.log.named('domainDestroy').last)
        self.assertIn('calls of domainDestroy: expected at least one, got none', str(error))

    def test_since(self):
        """After a call or a mark, or from a time on."""
        self.assertEqual([self.start, self.wipe], [*self.log.since(self.listing)])
        self.assertEqual([self.start, self.wipe], [*self.log.since(self.start.time)])
        mark = self.log.mark()
        later = self.command('daxctl', 'list')
        self.assertEqual([later], [*self.log.since(mark)])
        self.assertRaises(InvalidInputError, self.log.since, 'yesterday')

    def test_matching_arguments(self):
        """By value, by a domain's name or UUID, or by a matcher."""
        calls = self.log.named('createWithFlags')
        for dom in ('guest', GUEST_UUID, GUEST, Contains('gue')):
            self.assertEqual([self.start], [*calls.matching(dom=dom, flags=0)], dom)
        self.assertEqual([], [*calls.matching(flags=1)])
        self.assertEqual([self.wipe], [*self.log.named('daxio').matching(words=Contains('-z'))])

    def test_an_argument_that_a_call_lacks(self):
        """The error names those that it has."""
        error = self.assertRaises(
            InvalidInputError, self.log.named('createWithFlags').matching, flag=0)
        self.assertIn('expected one of dom, flags', str(error))

    def test_about_a_domain(self):
        """By its name or its UUID; a definition is about the domain that it returns."""
        for domain in ('guest', GUEST_UUID):
            self.assertEqual([self.define, self.start], [*self.log.about(domain)])

    def test_a_selection_does_not_change(self):
        """Later calls are in the log alone."""
        before = self.log[:]
        self.command('daxctl', 'list')
        self.assertEqual((4, 5), (len(before), len(self.log)))

    def test_cleared(self):
        """Calls made later are counted on."""
        self.log.clear()
        self.assertEqual(0, len(self.log))
        self.assertEqual(5, self.command('daxctl', 'list').number)

    def test_a_repr_lists_the_calls(self):
        """The last ten of them."""
        self.assertIn('<4 calls:\n', repr(self.log))
        self.assertIn('ndctl list -X', repr(self.log))
        self.fill(self.log, 10)
        self.assertIn('... 4 more before', repr(self.log))


class LimitsTest(CallLogTest):

    def test_the_oldest_calls_are_dropped(self):
        """Their number is counted, by name as well."""
        log = CallLog(lambda: 0.0, calls_kept=100)
        self.fill(log, 320)
        self.assertTrue(100 <= len(log) < 132)
        self.assertEqual(320, len(log) + log.dropped)
        self.assertEqual(log.dropped, log.dropped_named('defineXML'))
        self.assertEqual(0, log.dropped_named('ndctl'))

    def test_so_are_large_ones(self):
        """Arguments and results count in bytes."""
        log = CallLog(lambda: 0.0, bytes_kept=1 << 20)
        self.fill(log, 320, 'x' * 100_000)
        self.assertTrue(len(log) < 50)
        self.assertEqual(320, len(log) + log.dropped)
