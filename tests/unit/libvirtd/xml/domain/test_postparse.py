"""Sections of a domain are completed as libvirt completes them."""

from __future__ import annotations

from tests.unit.libvirtd.xml.domain.test_parser import DomainCase

CELL = "<cell id='{}' cpus='{}' memory='32768'>{}</cell>"


class TestSections(DomainCase):

    def test_variable_clock(self):
        """A clock with an offset in seconds is variable."""
        self.assertIn("  <clock offset='variable' adjustment='7' basis='utc'/>\n",
                      self.printed(more="<clock offset='utc' adjustment='7'/>"))

    def test_features_are_on(self):
        """A feature without a state is on."""
        self.assertIn("    <pmu state='on'/>\n    <vmport state='on'/>\n",
                      self.printed(more='<features><pmu/><vmport/></features>'))

    def test_automatic_placement(self):
        """Memory follows vCPUs that are placed automatically."""
        text = self.printed().replace("<vcpu placement='static'>", "<vcpu placement='auto'>")
        self.assertEqual({'mode': 'strict', 'placement': 'auto'},
                         dict(self.parse(text).root.find('numatune/memory').attrib))

    def test_iothreads(self):
        """All I/O threads are listed if one is."""
        definition = self.parse(self.printed(
            more="<iothreads>2</iothreads><iothreadids><iothread id='2'/></iothreadids>"))
        self.assertEqual(['2', '1'], [thread.get('id') for thread
                                      in definition.root.findall('iothreadids/iothread')])

    def test_number_of_iothreads(self):
        """The number of I/O threads follows from their list."""
        text = self.printed(more="<iothreadids><iothread id='7'/></iothreadids>")
        self.assertIn('  <iothreads>1</iothreads>\n', text)

    def test_distances(self):
        """A distance between cells holds in both directions."""
        far = "<distances><sibling id='1' value='21'/></distances>"
        definition = self.parse(self.printed(
            more=f"<cpu><numa>{CELL.format(0, 0, far)}{CELL.format(1, 1, '')}</numa></cpu>"))
        self.assertEqual([['10', '21'], ['21', '10']], [
            [sibling.get('value') for sibling in cell.findall('distances/sibling')]
            for cell in definition.numa_cells])

    def test_schedulers(self):
        """Each vCPU has a scheduler of its own."""
        definition = self.parse(self.printed(
            more="<cputune><vcpusched vcpus='0-1' scheduler='batch'/></cputune>"))
        self.assertEqual(['0', '1'], [found.get('vcpus') for found
                                      in definition.root.findall('cputune/vcpusched')])

    def test_security_label(self):
        """A dynamic security label labels resources, too."""
        self.assertIn("  <seclabel type='dynamic' model='selinux' relabel='yes'/>\n",
                      self.printed(more="<seclabel type='dynamic' model='selinux'/>"))

    def test_ids_of_a_usb_device(self):
        """Vendor and product of a USB device have four digits."""
        self.assertIn("        <vendor id='0x0001'/>\n        <product id='0x0002'/>\n",
                      self.printed("<hostdev mode='subsystem' type='usb'><source>"
                                   "<vendor id='0x1'/><product id='2'/></source></hostdev>"))

    def test_empty_elements(self):
        """An element that says nothing is omitted."""
        self.assertNotIn('suspend-to-mem', self.printed(more='<pm><suspend-to-mem/></pm>'))
