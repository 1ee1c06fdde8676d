"""``vpmem-harness certificates``: make certificates for TLS."""

from __future__ import annotations

import argparse
from pathlib import Path

from vpmem_harness.cli.commands import Command
from vpmem_harness.serving.certificates import VALID_DAYS, make_certificates


class Certificates(Command):
    __doc__ = f"""Make certificates for hosts that listen with TLS, and for their clients.

    DIR gets cacert.pem, servercert.pem, serverkey.pem, clientcert.pem and clientkey.pem, which are
    libvirt's names. They are valid for {VALID_DAYS} days. Start the hosts with --listen-tls
    and --certificates DIR. Clients use the URI qemu+tls://ADDRESS:PORT/system?pkipath=DIR.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the options."""
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument('directory', metavar='DIR',
                            help='directory for the files; files that exist are not replaced')
        parser.add_argument('--address', action='append', default=[], metavar='ADDRESS|NAME',
                            help='another address or name of the hosts, in addition to '
                                 'localhost; can be repeated')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        """Make the certificates."""
        make_certificates(Path(parsed_args.directory), parsed_args.address)
        return 0
