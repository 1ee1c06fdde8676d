"""``report``: an HTML page about a fleet that runs."""

from __future__ import annotations

import pathlib

import fixtures
from lxml import html

from tests.functional.fleet.base import PMEM, FleetTestCase


class ReportTest(FleetTestCase):

    def setUp(self):
        super().setUp()
        self.directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.harness('up', '--hosts', '2', '--pmem', PMEM, '--cloud')

    def test_the_page_of_a_fleet(self):
        """The page has every host with its memory, and what happened to it."""
        self.harness('reboot', 'host2')
        file = self.directory / 'fleet.html'
        self.assertEqual(f'{file}\n', self.harness('report', str(file)))
        tree = html.fromstring(file.read_text())
        self.assertEqual(['host1', 'host2'], tree.xpath('//article/@data-host'))
        self.assertEqual(12, len(tree.xpath('//svg[@data-namespace]')))
        self.assertEqual(1, len(tree.xpath('//li[contains(@class, "reboot")]')))

    def test_standard_output(self):
        """``-`` prints the page."""
        self.assertIn('<title>fleet default</title>', self.harness('report', '-'))

    def test_a_file_that_cannot_be_written(self):
        """The error names the file."""
        self.harness('report', str(self.directory / 'none' / 'fleet.html'), status=1)
        self.assertIn('No such file or directory', self.stderr)
