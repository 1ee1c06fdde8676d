"""Arguments that libvirt's public functions refuse never reach the hypervisor."""

from __future__ import annotations

import libvirt
import testtools

from vpmem_harness.libvirtd import argument_checks
from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.values import DomainHandle, TypedParameter
from vpmem_harness.libvirtd.wire.procedures import BY_NAME

DOMAIN = DomainHandle('guest', bytes(16), 1)
LIVE, CONFIG = libvirt.VIR_DOMAIN_AFFECT_LIVE, libvirt.VIR_DOMAIN_AFFECT_CONFIG

#: Calls and the messages of their errors, as libvirtd 9.0.0 answers them.
REFUSALS = (
    ('domain_set_vcpus', (DOMAIN, 0), 'nvcpus in virDomainSetVcpus must not be zero'),
    ('domain_set_memory', (DOMAIN, 0), 'memory in virDomainSetMemory must not be zero'),
    ('domain_set_memory', (DOMAIN, 1 << 60),
     'numerical overflow: input too large: 1152921504606846976'),
    ('domain_send_key', (DOMAIN, 0, 0, [], 0), 'keycodes in virDomainSendKey must not be NULL'),
    ('domain_send_key', (DOMAIN, 10, 0, [1], 0), "Unsupported codeset '10'"),
    ('domain_set_blkio_parameters', (DOMAIN, [], 0),
     'params in virDomainSetBlkioParameters must not be NULL'),
    ('domain_set_block_io_tune', (DOMAIN, 'vda', [], 0),
     'nparams in virDomainSetBlockIoTune must be greater than zero'),
    ('domain_set_memory_stats_period', (DOMAIN, -1, 0),
     'period in virDomainSetMemoryStatsPeriod must be zero or greater'),
    ('domain_get_block_info', (DOMAIN, '', 0),
     'string disk in virDomainGetBlockInfo must not be empty'),
    ('domain_rename', (DOMAIN, None, 0), 'new_name in virDomainRename must not be NULL'),
    ('domain_get_vcpus_flags', (DOMAIN, LIVE | CONFIG),
     "Flags 'VIR_DOMAIN_AFFECT_LIVE' and 'VIR_DOMAIN_AFFECT_CONFIG' are mutually exclusive"),
    ('domain_set_vcpus_flags', (DOMAIN, 1, libvirt.VIR_DOMAIN_VCPU_MAXIMUM),
     "Flag 'VIR_DOMAIN_AFFECT_CONFIG' is required by flag 'VIR_DOMAIN_VCPU_MAXIMUM'"),
    ('domain_set_metadata', (DOMAIN, libvirt.VIR_DOMAIN_METADATA_TITLE, 'a\nb', None, None, 0),
     "metadata title can't contain newlines"),
    ('domain_get_metadata', (DOMAIN, libvirt.VIR_DOMAIN_METADATA_TITLE, 'urn:x', 0),
     'uri in virDomainGetMetadata must be NULL'),
    ('domain_get_cpu_stats', (DOMAIN, 1, -1, 2, 0), 'ncpus must be 1 when start_cpu is -1'),
    ('domain_get_numa_parameters', (DOMAIN, 17, 0), 'internal error: nparams too large'),
    ('domain_get_numa_parameters', (DOMAIN, -1, 0),
     'internal error: nparams must be non-negative'),
    ('domain_get_vcpus', (DOMAIN, 16385, 1), 'internal error: maxinfo > REMOTE_VCPUINFO_MAX'),
    ('domain_set_numa_parameters', (DOMAIN, [TypedParameter.int_('x' * 80, 1)], 0),
     f"internal error: parameter {'x' * 80} too big for destination"),
    ('node_get_cells_free_memory', (0, 0),
     'maxCells in virNodeGetCellsFreeMemory must be greater than zero'),
    ('node_get_free_pages', ([4] * 2, 0, 600, 0),
     "internal error: the result won't fit into REMOTE_NODE_MAX_CELLS"),
)


class ArgumentChecksTest(testtools.TestCase):

    def refusal(self, name, arguments, **options):
        """Return the error that a call raises before its method runs."""
        def method(*arguments):
            self.fail(f'{name} was called with {arguments}')

        call = argument_checks.guard(BY_NAME[name], method, **options)
        return self.assertRaises(LibvirtError, call, *arguments)

    def test_refusals(self):
        """Each wrong argument gets libvirt's message."""
        for name, arguments, message in REFUSALS:
            self.assertEqual(message, self.refusal(name, arguments).message)

    def test_the_fields_of_an_error(self):
        """The error names the function and the argument, in the domain of the function."""
        error = self.refusal('domain_set_vcpus', (DOMAIN, 0))
        self.assertEqual(
            (libvirt.VIR_ERR_INVALID_ARG, libvirt.VIR_FROM_DOMAIN, 'virDomainSetVcpus', 'nvcpus',
             None, 0, 0), (error.code, error.domain, error.str1, error.str2, error.str3,
                           error.int1, error.int2))

    def test_a_list_that_is_too_long(self):
        """The limit of a list is an error of the protocol."""
        error = self.refusal('connect_list_domains', (16385,))
        self.assertEqual((libvirt.VIR_ERR_RPC, libvirt.VIR_FROM_RPC),
                         (error.code, error.domain))
        self.assertIn('maxids > REMOTE_DOMAIN_LIST_MAX', error.message)

    def test_right_arguments(self):
        """A call whose arguments pass the checks returns what the method returns."""
        call = argument_checks.guard(BY_NAME['domain_set_vcpus'], lambda dom, count: count)
        self.assertEqual(3, call(DOMAIN, 3))

    def test_unchecked(self):
        """A procedure without checks is not wrapped."""
        def method():
            pass

        self.assertIs(method, argument_checks.guard(BY_NAME['connect_get_hostname'], method))

    def test_refusal_to_a_reader(self):
        """A read-only client is refused before most checks, and after those that precede it."""
        def refusal(*arguments):
            raise LibvirtError(libvirt.VIR_ERR_OPERATION_DENIED, 'no')

        self.assertEqual('operation forbidden: no', self.refusal(
            'domain_set_vcpus', (DOMAIN, 0), refusal=refusal).message)
        self.assertEqual('string new_name in virDomainRename must not be empty', self.refusal(
            'domain_rename', (DOMAIN, '', 0), refusal=refusal).message)

    def test_every_row_compiles(self):
        """Each row of the table names a procedure and its arguments, and flags of libvirt."""
        for procedure in argument_checks.checked():
            call = argument_checks.guard(procedure, lambda *arguments: None)
            self.assertTrue(callable(call))
