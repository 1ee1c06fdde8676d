"""Certificates for TLS."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from unittest import mock

import fixtures

from tests import base
from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.serving.certificates import FILES, make_certificates


class CertificatesTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.directory = Path(self.useFixture(fixtures.TempDir()).path) / 'pki'

    def test_libvirts_files(self):
        """The directory has the files that libvirt reads; nobody else can read the keys."""
        make_certificates(self.directory)
        modes = {path.name: stat.S_IMODE(path.stat().st_mode)
                 for path in self.directory.iterdir()}
        self.assertEqual(set(FILES), set(modes))
        self.assertEqual({0o600}, {modes['serverkey.pem'], modes['clientkey.pem']})

    def test_names_of_the_server(self):
        """The server's certificate is valid for localhost and for what is asked."""
        from cryptography import x509
        make_certificates(self.directory, ['127.0.0.7', 'rack2.example.org'])
        certificate = x509.load_pem_x509_certificate(
            (self.directory / 'servercert.pem').read_bytes())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        self.assertEqual(['localhost', 'rack2.example.org'],
                         names.get_values_for_type(x509.DNSName))
        self.assertEqual(['127.0.0.1', '::1', '127.0.0.7'],
                         [str(one) for one in names.get_values_for_type(x509.IPAddress)])

    def test_no_file_is_replaced(self):
        """A directory with certificates keeps them."""
        make_certificates(self.directory)
        self.assertRaises(InvalidInputError, make_certificates, self.directory)

    def test_nothing_is_left_on_a_full_disk(self):
        """If the third file cannot be written, none is left, and the command can be repeated."""
        files = []

        def fill(descriptor, mode):
            files.append(descriptor)
            os.close(descriptor)
            return open('/dev/full' if len(files) == 3 else os.devnull, mode)

        with mock.patch('os.fdopen', fill):
            error = self.assertRaises(InvalidInputError, make_certificates, self.directory)
        self.assertIn('free space', str(error))
        self.assertEqual([], list(self.directory.iterdir()))
        make_certificates(self.directory)

    def test_without_cryptography(self):
        """The error says how to install the package."""
        with mock.patch.dict(sys.modules, {'cryptography.hazmat.primitives.asymmetric': None}):
            error = self.assertRaises(InvalidInputError, make_certificates, self.directory)
        self.assertIn("pip install 'vpmem-harness[tls]'", str(error))
