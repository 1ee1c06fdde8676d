"""nova.conf's pmem_namespaces is parsed and validated as by Nova."""

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
        """The namespaces of each label are in the order of the option."""
        found = discover(parse_option('4GB:ns_0, SMALL:ns_2|ns_1'), listing)
        self.assertEqual(
            {'CUSTOM_PMEM_NAMESPACE_4GB': ['ns_0'],
             'CUSTOM_PMEM_NAMESPACE_SMALL': ['ns_2', 'ns_1']},
            {name: [device.name for device in devices] for name, devices in found.items()})

    def test_the_fields_of_a_device(self):
        """A device has its label, path, and size and alignment in bytes."""
        [device] = discover(['SMALL:ns_1'], listing)['CUSTOM_PMEM_NAMESPACE_SMALL']
        self.assertEqual(
            ('SMALL', 'ns_1', '/dev/dax0.1', 4292870144, 2097152),
            (device.label, device.name, device.devpath, device.size, device.align))

    def test_labels_with_the_same_class(self):
        """Labels with the same resource class share one list of namespaces."""
        self.assertEqual(1, len(discover(['a b:ns_0', 'a-b:ns_1'], listing)))

    def test_unusable_namespaces_are_not_offered(self):
        """Memory of the host, bad blocks, and no room for the label of an NVDIMM."""
        def found():
            memory, bad, filled = namespace(0), namespace(1, badblock_count=3), namespace(
                2, size=2**30)
            memory['daxregion']['devices'][0]['mode'] = 'system-ram'
            filled['daxregion']['align'] = 2**30
            return json.dumps([memory, bad, filled, namespace(3)])
        devices = discover(['SMALL:ns_0|ns_1|ns_2|ns_3'], found)['CUSTOM_PMEM_NAMESPACE_SMALL']
        self.assertEqual(['ns_3'], [device.name for device in devices])
        self.assertEqual({}, discover(['SMALL:ns_0'], found))

    def test_an_empty_option_does_not_run_ndctl(self):
        """ndctl does not run if the option is empty."""
        self.assertEqual({}, discover([], lambda: self.fail('ndctl was run')))

    def test_an_item_without_a_label_is_refused(self):
        """The error is Nova's message, with its trailing space."""
        self.assertEqual(
            "The pmem_namespaces configuration is invalid: The configuration doesn't follow the "
            'format, please check your conf file. ', self.refusal('ns_0'))

    def test_an_unknown_namespace_is_refused(self):
        """The error names the namespace."""
        self.assertEqual(
            "The pmem_namespaces configuration is invalid: The PMEM namespace ns_9 isn't on host, "
            'please check your conf file. ', self.refusal('4GB:ns_9'))

    def test_a_label_without_names_is_refused(self):
        """The error is that of a namespace with an empty name."""
        self.assertIn("The PMEM namespace  isn't on host", self.refusal('4GB:'))

    def test_a_namespace_named_twice_is_refused(self):
        """A namespace listed twice is refused, even under different labels."""
        self.assertEqual(
            'The pmem_namespaces configuration is invalid: Duplicated PMEM namespace ns_0 '
            'configured, please check your conf file. ', self.refusal('4GB:ns_0', 'SMALL:ns_0'))


class DevicesOnHostTest(testtools.TestCase):

    def test_empty_output_means_no_namespaces(self):
        """Empty output of ndctl means that there are no namespaces."""
        self.assertEqual({}, devices_on_host(lambda: ''))

    def test_unnamed_namespaces_are_ignored(self):
        """Namespaces without a name are ignored, because Nova identifies them by name."""
        self.assertEqual({}, devices_on_host(lambda: json.dumps([namespace(0, name='')])))

    def test_the_error_of_a_failing_ndctl(self):
        """The message contains the command, its exit status and its output."""
        def fail():
            raise ProcessExecutionError('ndctl list -X', 1, '', 'no')
        error = self.assertRaises(errors.GetPMEMNamespacesFailed, devices_on_host, fail)
        self.assertEqual(
            'Get PMEM namespaces on host failed: Get PMEM namespaces by ndctl utility, please '
            'ensure ndctl is installed: Unexpected error while running command.\n'
            "Command: ndctl list -X\nExit code: 1\nStdout: ''\nStderr: 'no'.", str(error))

    def test_a_listing_without_alignment(self):
        """A listing without the alignment, as for a user other than root, is an error."""
        unprivileged = namespace(0, daxregion={'devices': [{'chardev': 'dax0.0'}]})
        self.assertRaises(KeyError, devices_on_host, lambda: json.dumps([unprivileged]))
