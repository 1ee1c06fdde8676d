"""nova.conf's pmem_namespaces is read and refused as Nova does."""

from __future__ import annotations

import json

import testtools

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.stub.compute.pmem_namespaces import devices_on_host, discover, parse_option
from vpmem_harness.cloud.stub.compute.processes import ProcessExecutionError


def namespace(number, **overrides):
    return {
        'dev': f'namespace0.{number}', 'mode': 'devdax', 'size': 4292870144,
        'name': f'ns_{number}',
        'daxregion': {'align': 2097152, 'devices': [{'chardev': f'dax0.{number}'}]}, **overrides}


def listing():
    return json.dumps([namespace(0), namespace(1), namespace(2)])


class DiscoverTest(testtools.TestCase):

    def refusal(self, *option):
        return str(self.assertRaises(
            errors.PMEMNamespaceConfigInvalid, discover, option, listing))

    def test_devices_by_resource_class(self):
        """Each label's namespaces come in the order of the option."""
        found = discover(parse_option('4GB:ns_0, SMALL:ns_2|ns_1'), listing)
        self.assertEqual(
            {'CUSTOM_PMEM_NAMESPACE_4GB': ['ns_0'],
             'CUSTOM_PMEM_NAMESPACE_SMALL': ['ns_2', 'ns_1']},
            {name: [device.name for device in devices] for name, devices in found.items()})

    def test_a_device_carries_what_the_guest_needs(self):
        """Label, path, size and alignment in bytes."""
        [device] = discover(['SMALL:ns_1'], listing)['CUSTOM_PMEM_NAMESPACE_SMALL']
        self.assertEqual(
            ('SMALL', 'ns_1', '/dev/dax0.1', 4292870144, 2097152),
            (device.label, device.name, device.devpath, device.size, device.align))

    def test_labels_may_collide_in_their_class(self):
        """Then their namespaces are one stock for the scheduler."""
        self.assertEqual(1, len(discover(['a b:ns_0', 'a-b:ns_1'], listing)))

    def test_an_empty_option_asks_nobody(self):
        """ndctl is not run."""
        self.assertEqual({}, discover([], lambda: self.fail('ndctl was run')))

    def test_an_item_without_a_label_is_refused(self):
        """With Nova's message, and its blank at the end."""
        self.assertEqual(
            "The pmem_namespaces configuration is invalid: The configuration doesn't follow the "
            'format, please check your conf file. ', self.refusal('ns_0'))

    def test_an_unknown_namespace_is_refused(self):
        """It is named."""
        self.assertEqual(
            "The pmem_namespaces configuration is invalid: The PMEM namespace ns_9 isn't on host, "
            'please check your conf file. ', self.refusal('4GB:ns_9'))

    def test_a_label_without_names_is_refused(self):
        """It asks for the namespace that has the empty name."""
        self.assertIn("The PMEM namespace  isn't on host", self.refusal('4GB:'))

    def test_a_namespace_named_twice_is_refused(self):
        """Under whatever label."""
        self.assertEqual(
            'The pmem_namespaces configuration is invalid: Duplicated PMEM namespace ns_0 '
            'configured, please check your conf file. ', self.refusal('4GB:ns_0', 'SMALL:ns_0'))


class DevicesOnHostTest(testtools.TestCase):

    def test_no_output_is_no_namespace(self):
        """ndctl prints nothing when it finds nothing."""
        self.assertEqual({}, devices_on_host(lambda: ''))

    def test_unnamed_namespaces_are_passed_over(self):
        """Nova tells namespaces apart by their names."""
        self.assertEqual({}, devices_on_host(lambda: json.dumps([namespace(0, name='')])))

    def test_a_failing_ndctl_fails_with_its_words(self):
        """The message holds the command, its status and what it printed."""
        def fail():
            raise ProcessExecutionError('ndctl list -X', 1, '', 'no')
        error = self.assertRaises(errors.GetPMEMNamespacesFailed, devices_on_host, fail)
        self.assertEqual(
            'Get PMEM namespaces on host failed: Get PMEM namespaces by ndctl utility, please '
            'ensure ndctl is installed: Unexpected error while running command.\n'
            "Command: ndctl list -X\nExit code: 1\nStdout: ''\nStderr: 'no'.", str(error))

    def test_a_caller_who_is_not_root_sees_no_alignment(self):
        """Nova cannot do without it."""
        unprivileged = namespace(0, daxregion={'devices': [{'chardev': 'dax0.0'}]})
        self.assertRaises(KeyError, devices_on_host, lambda: json.dumps([unprivileged]))
