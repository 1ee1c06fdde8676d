"""A peer-to-peer migration makes the calls that libvirt 9.0.0 makes."""

from __future__ import annotations

import json

import libvirt

from tests import base
from tools.recording import peer_migration
from vpmem_harness.fixtures import HostFixture


class RecordedPeerMigrationTest(base.TestCase):

    def test_calls(self):
        """Calls, arguments and outcomes are those between two libvirtds."""
        libvirt.registerErrorHandler(lambda context, error: None, None)
        self.addCleanup(libvirt.registerErrorHandler, None, None)
        one, two = (self.useFixture(HostFixture(name=name, pmem='SMALL:1x1GiB',
                                                listen='127.0.0.1')) for name in ('one', 'two'))
        endpoint = two.host.daemon.remote.tcp
        self.assertEqual(
            json.loads(peer_migration.FILE.read_text()),
            peer_migration.record(one.connection, (endpoint.address, endpoint.port),
                                  migrate_uri='tcp://127.0.0.1'))
