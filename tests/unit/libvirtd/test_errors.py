"""Errors carry the fields that libvirt fills."""

from __future__ import annotations

import libvirt
import testtools

from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.hypervisor import driver_checks


def _fields(error: LibvirtError) -> tuple:
    return (error.code, error.domain, error.level, error.message, error.str1, error.str2,
            error.str3, error.int1, error.int2)


class ErrorsTest(testtools.TestCase):

    def test_a_detail(self):
        """An error of a driver has a format, a detail, and -1 in both numbers."""
        error = LibvirtError(libvirt.VIR_ERR_OPERATION_FAILED, 'why')
        self.assertEqual(
            (libvirt.VIR_ERR_OPERATION_FAILED, libvirt.VIR_FROM_QEMU, libvirt.VIR_ERR_ERROR,
             'operation failed: why', 'operation failed: %s', 'why', None, -1, -1),
            _fields(error))

    def test_unknown_flags(self):
        """The error of unknown flags names the function and the argument, without a prefix."""
        error = self.assertRaises(LibvirtError, driver_checks.check_flags, 'qemuDomainReset', 5, 1)
        text = 'unsupported flags (0x4) in function qemuDomainReset'
        self.assertEqual(
            (libvirt.VIR_ERR_INVALID_ARG, libvirt.VIR_FROM_QEMU, libvirt.VIR_ERR_ERROR, text,
             'qemuDomainReset', 'flags', None, 0, 0), _fields(error))
        self.assertEqual(text, str(error))
