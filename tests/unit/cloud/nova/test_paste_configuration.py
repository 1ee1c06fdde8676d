"""Where api-paste.ini of Nova is."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import pathlib
from unittest import mock

import fixtures
import testtools

from vpmem_harness.cloud.nova import workarounds

COMPOSITE = """
[composite:osapi_compute]
/: oscomputeversions
/v2: oscomputeversion_legacy_v2
/v2.1: oscomputeversion_v2
/v2/+: openstack_compute_api_v21_legacy_v2_compatible
/v2.1/+: openstack_compute_api_v21
"""


class PasteConfigurationTest(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        root = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.file = root / 'etc' / 'nova' / 'api-paste.ini'
        self.file.parent.mkdir(parents=True)
        self.file.write_text(COMPOSITE)
        self.package = mock.Mock(submodule_search_locations=[str(root / 'nova')])

    def test_a_checkout_has_it_in_etc(self) -> None:
        """An editable installation records no such file; the checkout has it."""
        with (mock.patch.object(importlib.metadata, 'files', return_value=[]),
              mock.patch.object(importlib.util, 'find_spec', return_value=self.package)):
            self.assertEqual(str(self.file), workarounds.paste_configuration())

    def test_the_backend_uses_it_without_the_legacy_api(self) -> None:
        """Only the API under /v2 is left out."""
        with (mock.patch.object(importlib.metadata, 'files', return_value=[]),
              mock.patch.object(importlib.util, 'find_spec', return_value=self.package)):
            configuration = workarounds.api_configuration()
        self.assertEqual(
            COMPOSITE.replace('/v2/+: openstack_compute_api_v21_legacy_v2_compatible\n', ''),
            configuration)

    def test_without_the_file_it_is_an_error(self) -> None:
        """The error names the file."""
        with (mock.patch.object(importlib.metadata, 'files', return_value=None),
              mock.patch.object(importlib.util, 'find_spec', return_value=None)):
            error = self.assertRaises(FileNotFoundError, workarounds.paste_configuration)
        self.assertIn('api-paste.ini', str(error))
