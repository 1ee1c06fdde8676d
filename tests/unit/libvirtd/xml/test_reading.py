"""XML is parsed as libvirt parses it; metadata keeps the client's names."""

from __future__ import annotations

import libvirt
import testtools

from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.xml import etree, reading

QEMU = 'http://libvirt.org/schemas/domain/qemu/1.0'


class TestMetadata(testtools.TestCase):

    def read(self, text, root=''):
        """Return the metadata of a document with these attributes on its root."""
        document = reading.read(f'<domain {root}><metadata>{text}</metadata></domain>', 'test')
        return etree.serialize(document.find('metadata'))

    def test_names_are_kept(self):
        """Prefixes, declarations and mixed content are preserved."""
        text = ('<a:b xmlns:a="urn:a" a:c="1">\n    <a:d/>\n    <e xmlns="urn:e">x<f/> y </e>\n'
                '  </a:b>')
        self.assertEqual(f'<metadata>\n  {text}\n</metadata>\n', self.read(text))

    def test_two_prefixes_of_one_namespace(self):
        """Two prefixes of one namespace are both kept."""
        text = '<a:b xmlns:a="urn:a">\n    <c:d xmlns:c="urn:a"/>\n  </a:b>'
        self.assertEqual(f'<metadata>\n  {text}\n</metadata>\n', self.read(text))

    def test_prefix_that_is_declared_further_out(self):
        """A prefix from the root of the document is declared where it is used."""
        self.assertEqual(
            '<metadata xmlns:a="urn:a">\n  <a:b/>\n</metadata>\n',
            self.read('<a:b/>', root="xmlns:a='urn:a' xmlns:unused='urn:u'"))

    def test_what_has_no_namespace_of_its_own(self):
        """libvirt keeps one element for each namespace, and nothing without one."""
        self.assertEqual(
            '<metadata>\n  <a:b xmlns:a="urn:a"/>\n</metadata>\n',
            self.read('text<plain/><a:b xmlns:a="urn:a"/> more <a:c xmlns:a="urn:a"/>'))


class TestErrors(testtools.TestCase):

    def test_text_that_is_no_utf_8(self):
        """A document with an undeclared prefix is not well-formed."""
        error = self.assertRaises(LibvirtError, reading.read, '<a>\udcff</a>', 'test')
        self.assertEqual(libvirt.VIR_ERR_XML_DETAIL, error.code)


class TestNames(testtools.TestCase):

    def test_known_namespace(self):
        """QEMU's elements get one prefix, whatever the client's prefix is."""
        document = reading.read(f"<domain><q:arg xmlns:q='{QEMU}'/></domain>", 'test')
        self.assertEqual(['qemu:arg'], [child.tag for child in document])

    def test_unknown_namespace(self):
        """An element of another namespace is not one of libvirt's."""
        document = reading.read("<domain><name xmlns='urn:x'>a</name></domain>", 'test')
        self.assertIsNone(document.find('name'))
