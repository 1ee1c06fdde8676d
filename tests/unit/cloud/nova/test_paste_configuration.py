"""Where api-paste.ini of Nova is."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import pathlib
from unittest import mock

import fixtures
import testtools

from vpmem_harness.cloud.nova import workarounds


class PasteConfigurationTest(testtools.TestCase):

    def test_a_checkout_has_it_in_etc(self) -> None:
        """An editable installation records no such file; the checkout has it."""
        root = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        file = root / 'etc' / 'nova' / 'api-paste.ini'
        file.parent.mkdir(parents=True)
        file.touch()
        package = mock.Mock(submodule_search_locations=[str(root / 'nova')])
        with (mock.patch.object(importlib.metadata, 'files', return_value=[]),
              mock.patch.object(importlib.util, 'find_spec', return_value=package)):
            self.assertEqual(str(file), workarounds.paste_configuration())

    def test_without_the_file_it_is_an_error(self) -> None:
        """The error names the file."""
        with (mock.patch.object(importlib.metadata, 'files', return_value=None),
              mock.patch.object(importlib.util, 'find_spec', return_value=None)):
            error = self.assertRaises(FileNotFoundError, workarounds.paste_configuration)
        self.assertIn('api-paste.ini', str(error))
