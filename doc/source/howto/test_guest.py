from vpmem_harness import fixtures, testcase

GUEST = """
<domain type='qemu'>
  <name>guest</name>
  <maxMemory slots='1' unit='GiB'>8</maxMemory>
  <memory unit='MiB'>512</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64'>hvm</type></os>
  <features><acpi/></features>
  <cpu><numa><cell id='0' cpus='0' memory='512' unit='MiB'/></numa></cpu>
  <devices>
    <memory model='nvdimm' access='shared'>
      <source>
        <path>{namespace.path}</path>
        <alignsize>{align}</alignsize>
        <pmem/>
      </source>
      <target>
        <size>{size}</size>
        <node>0</node>
        <label><size>2048</size></label>
      </target>
    </memory>
  </devices>
</domain>
"""


class GuestTest(testcase.VPMEMTestCase):

    def test_a_guest_has_a_namespace(self):
        """A domain with an NVDIMM runs on a namespace of its host."""
        host = self.useFixture(fixtures.HostFixture(pmem='SMALL:1x4GiB'))
        namespace = host.namespaces[0]
        assert namespace.path is not None       # as in raw mode
        assert namespace.align is not None
        domain = host.connection.defineXML(GUEST.format(
            namespace=namespace, size=namespace.size // 1024, align=namespace.align // 1024))
        domain.create()
        self.assertIn(namespace.path, domain.XMLDesc())
        self.assertEqual(0, host.run('daxio', '-z', '-o', namespace.path).returncode)
