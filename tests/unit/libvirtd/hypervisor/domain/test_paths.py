"""The path of a memory device is resolved at the start of the guest."""

from __future__ import annotations

import libvirt

from tests.unit.libvirtd.hypervisor.domain import test_lifecycle

NVDIMM = """<domain type='qemu'><name>guest</name><memory>65536</memory>
<maxMemory slots='2'>1048576</maxMemory><os><type machine='pc'>hvm</type></os>
<features><acpi/></features>
<cpu{mode}><numa><cell id='0' cpus='0' memory='65536'/></numa></cpu>
<devices><memory model='nvdimm'><source><path>{path}</path></source>
<target><size>131072</size><node>0</node></target>{address}</memory></devices></domain>"""


def nvdimm(path='/srv/pmem/ns_0', mode='', address=''):
    """Return the XML of a domain with one NVDIMM."""
    return NVDIMM.format(path=path, mode=mode, address=address)


class TestPaths(test_lifecycle.LifecycleCase):

    def test_roundabout(self):
        """A path with .. and doubled slashes is resolved to its file."""
        self.connection.domain_create(self.define(nvdimm('/srv//pmem/../pmem/ns_0')))
        self.assertEqual(['/srv/pmem/ns_0'], list(self.host.backing.open_by))

    def test_directories(self):
        """A directory can end in a slash, and exists if a file below it is declared."""
        for path in '/srv/pmem', '/srv/pmem/dir/':
            domain = self.define(nvdimm(path))
            self.connection.domain_create(domain)
            self.connection.domain_destroy(domain)
            self.connection.domain_undefine(domain)

    def test_slash_after_a_file(self):
        """A file with a slash at the end is not found."""
        self.assert_refused("Path '/srv/pmem/ns_0/' is not accessible: Not a directory",
                            self.connection.domain_create, self.define(nvdimm('/srv/pmem/ns_0/')),
                            code=libvirt.VIR_ERR_SYSTEM_ERROR, domain=libvirt.VIR_FROM_CGROUP)


class TestAddresses(test_lifecycle.LifecycleCase):

    def test_slot(self):
        """A PCI bus has 32 slots."""
        self.assert_refused(
            "XML error: Invalid PCI address slot='0x63', must be <= 0x1F",
            self.connection.domain_define_xml,
            nvdimm(address="<address type='pci' domain='0' bus='0' slot='99' function='0'/>"),
            domain=libvirt.VIR_FROM_NONE)

    def test_serial_port(self):
        """A virtio serial port needs a controller."""
        self.assert_refused(
            'XML error: virtio serial controller 0 is missing',
            self.connection.domain_define_xml,
            nvdimm(address="<address type='virtio-serial' controller='0' bus='0' port='5'/>"))


class TestCpu(test_lifecycle.LifecycleCase):

    def test_host_passthrough(self):
        """An emulated guest with the host's CPU is refused at the start."""
        domain = self.define(nvdimm(mode=" mode='host-passthrough'"))
        self.assert_refused(
            "unsupported configuration: CPU mode 'host-passthrough' for x86_64 qemu domain on "
            'x86_64 host is not supported by hypervisor', self.connection.domain_create, domain)
