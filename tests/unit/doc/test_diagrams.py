"""The pictures of the documentation."""

from __future__ import annotations

import importlib.util
import pathlib
import sys
from unittest import mock

import testtools
from lxml import etree

ROOT = pathlib.Path(__file__).parents[3]
EXTENSIONS = ROOT / 'doc' / 'source' / '_ext'
PACKAGE = ROOT / 'vpmem_harness'


class DiagramsTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        if importlib.util.find_spec('sphinx') is None:
            self.skipTest('Sphinx is not installed: ./dev docs draws the pictures')
        with mock.patch.object(sys, 'path', [str(EXTENSIONS), *sys.path]):
            self.diagrams = importlib.import_module('diagrams')

    def test_each_picture_is_well_formed(self):
        """Every picture is XML with a description, and nothing is outside of its width."""
        for name, draw in self.diagrams.PICTURES.items():
            picture = etree.fromstring(draw())[0]
            self.assertNotEqual('', picture.get('aria-label'), name)
            for box in picture.iter('rect'):
                self.assertLessEqual(float(box.get('x')) + float(box.get('width')), 520, name)

    def test_the_layers_are_the_packages_folders(self):
        """Each folder and module of the package is in the picture of the layers."""
        drawn = {name for layer in self.diagrams.layers() for name in layer}
        folders = {path.parent.name for path in PACKAGE.glob('*/__init__.py')}
        modules = {path.stem for path in PACKAGE.glob('*.py')} - {'__init__'}
        self.assertEqual(folders | modules, drawn)

    def test_a_folder_without_a_layer_is_an_error(self):
        """The build fails when the package has a folder that is in no layer."""
        with mock.patch.object(self.diagrams, 'members', return_value={'host', 'extra'}):
            error = self.assertRaises(ValueError, self.diagrams.layers)
        self.assertIn('extra', str(error))
