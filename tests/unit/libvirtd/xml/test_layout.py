"""A layout drops unknown content and sorts the rest."""

from __future__ import annotations

import testtools

from vpmem_harness.libvirtd.xml import etree, layout, reading

DISK = """
disk type device
  driver name type [optional]
  source file \\
      dev
  size [kib]
  kept [any]
  &info
"""
INFO = """
alias name
address type slot
"""


class TestLayout(testtools.TestCase):

    def apply(self, text):
        """Return the canonical form of ``text``."""
        read = layout.read(DISK, {'info': INFO})
        return etree.serialize(read.apply(reading.read(text, 'test')))

    def test_order(self):
        """Elements and attributes have the layout's order."""
        self.assertEqual(
            "<disk type='file' device='disk'>\n  <source file='a'/>\n  <alias name='b'/>\n"
            '</disk>\n',
            self.apply("<disk device='disk' type='file'><alias name='b'/><source file='a'/>"
                       '</disk>'))

    def test_unknown_is_dropped(self):
        """Unknown elements and attributes are dropped."""
        self.assertEqual("<disk type='file'/>\n",
                         self.apply("<disk type='file' colour='red'><wings/></disk>"))

    def test_empty_optional_is_dropped(self):
        """An empty optional element is omitted."""
        self.assertEqual('<disk/>\n', self.apply('<disk><driver/></disk>'))

    def test_sizes_are_in_kib(self):
        """A size is converted to KiB, rounded up."""
        self.assertEqual("<disk>\n  <size unit='KiB'>2</size>\n</disk>\n",
                         self.apply("<disk><size unit='bytes'>1025</size></disk>"))

    def test_any_content_is_kept(self):
        """Content marked ``any`` is kept as it is."""
        self.assertEqual("<disk>\n  <kept x='1'>\n    <b/>\n    <a/>\n  </kept>\n</disk>\n",
                         self.apply("<disk><kept x='1'><b/><a/></kept></disk>"))

    def test_continued_line(self):
        """A line that ends with a backslash continues on the next."""
        self.assertEqual("<disk>\n  <source dev='x'/>\n</disk>\n",
                         self.apply("<disk><source dev='x'/></disk>"))

    def test_one_root(self):
        """A layout describes one element."""
        self.assertRaises(ValueError, layout.read, 'a\nb')
