"""Recorded definitions are accepted or refused over the socket as recorded."""

from __future__ import annotations

import json
from pathlib import Path

import libvirt

from tests import base
from vpmem_harness.fixtures import HostFixture

MiB = 2**20
RECORDED = Path(__file__).parents[2] / 'golden' / 'libvirt' / 'nvdimm-definitions.json'

#: Hardware of the recorded host.
FILES = {'/srv/pmem/ns_0': 128 * MiB, '/srv/pmem/ns_1': 126 * MiB, '/srv/pmem/ns_2': 128 * MiB,
         '/srv/pmem/small': 8 * MiB}


def verdict(call):
    """Return ``ok``, or the error that the client gets."""
    try:
        call()
    except libvirt.libvirtError as error:
        return {'code': error.get_error_code(), 'domain': error.get_error_domain(),
                'message': error.get_error_message()}
    return 'ok'


class DefinitionsTest(base.TestCase):

    def test_recorded_definitions(self):
        """Define and start succeed or fail as on the recorded host, with the same error."""
        host = self.useFixture(HostFixture(
            pmem='A:1x1GiB', files=FILES, directories=['/srv/pmem/dir']))
        for row in json.loads(RECORDED.read_text()):
            found = {'define': verdict(lambda row=row: host.connection.defineXML(row['xml']))}
            for domain in host.connection.listAllDomains():
                found['start'] = verdict(domain.create)
                if found['start'] == 'ok':
                    domain.destroy()
                domain.undefine()
            recorded = {
                step: {name: row[step][name] for name in ('code', 'domain', 'message')}
                if isinstance(row[step], dict) else row[step]
                for step in ('define', 'start') if row.get(step)}
            self.assertEqual((row['name'], recorded), (row['name'], found))
