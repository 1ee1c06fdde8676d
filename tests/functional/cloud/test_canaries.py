"""Canary secrets in all input of users and operators: no log of the cloud shows them in clear."""

from __future__ import annotations

import base64
import logging
from pathlib import Path
from typing import Any

import fixtures
import libvirt
from testtools import matchers

from tests import base
from vpmem_harness import safelog
from vpmem_harness.cloud.server import Server
from vpmem_harness.exceptions import HarnessError
from vpmem_harness.fixtures import CloudFixture
from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.safelog import Secret

LOG = logging.getLogger('code.under.test')


class CanariesTest(base.VPMEMTestCase):

    def setUp(self) -> None:
        super().setUp()
        word = {name: f'Cn{self.randomness.bytes(6).hex()}' for name in (
            'password', 'token', 'uri', 'pem', 'environment', 'node', 'path', 'bare', 'admin',
            'neutron', 'image')}
        self.canaries = {
            **word, 'uuid': self.randomness.uuid(), 'mac': self.randomness.mac(),
            'ip': f'198.51.100.{self.randomness.between(100, 255)}',
            'host': f'{word.pop("node").lower()}.example.net',
            'path': f'/home/{word["path"]}/instances',
            'access key': f'AKIA{self.randomness.bytes(8).hex().upper()}',
        }
        for name, value in self.canaries.items():
            self.leaks.watch(value, f'the canary {name}')
        self.useFixture(fixtures.EnvironmentVariable(
            'CANARY_PASSWORD', self.canaries['environment']))
        self.key = self.public_key()
        # No pattern matches these two: a host's name, and a bare secret.
        self.log.protect(self.canaries['host'], 'host')
        self.log.protect(Secret(self.canaries['bare']))
        audit = self.useFixture(fixtures.TempDir()).join('audit')
        self.useFixture(fixtures.EnvironmentVariable('VPMEM_HARNESS_AUDIT_LOG', audit))
        self.audit = Path(audit)

    @property
    def texts(self) -> list[str]:
        """Return user input that contains a canary of each kind."""
        values = self.canaries
        return [
            values['uuid'], values['mac'], values['ip'], values['host'], values['bare'],
            f'{values["path"]}/disk', f'password={values["password"]}',
            f'X-Auth-Token: {values["token"]}', f'mysql+pymysql://nova:{values["uri"]}@db/nova',
            f'key {values["access key"]}',
            f'-----BEGIN X KEY-----\n{values["pem"]}\n-----END X KEY-----', self.key]

    def test_no_log_shows_a_canary(self) -> None:
        """Boots, libvirt errors and API errors at debug level leave no canary in any log."""
        options = {'debug': True,
                   'neutron.metadata_proxy_shared_secret': self.canaries['neutron'],
                   'vnc.server_listen': self.canaries['ip'],
                   'glance.api_servers': [f'http://{self.canaries["host"]}']}
        cloud = self.useFixture(
            CloudFixture(hosts=1, pmem='SMALL:3x1GiB', nova_options=options))
        server = cloud.boot(pmem='SMALL', name=' '.join(self.texts[:5]))
        faults = cloud.hosts[0].faults
        error = LibvirtError(libvirt.VIR_ERR_OPERATION_FAILED, '; '.join(self.texts))
        with faults.failing('domainCreateWithFlags', error):
            refused = cloud.boot(pmem='SMALL', name=self.canaries['bare'], expect='ERROR')
        LOG.debug('%r: %s', refused, refused.fault)
        server.stop()
        server.start()
        if cloud.backend.name == 'nova':
            self.ask_nova(cloud)
        server.delete()
        for name, detail in cloud.getDetails().items():
            self.leaks.look_at(f'the detail {name} of the cloud', detail.as_text())
        self.leaks.look_at('the audit log', self.audit.read_text())

    def public_key(self) -> str:
        """Return a valid SSH public key whose comment names the host."""
        kind = b'ssh-ed25519'
        key = b''.join(len(part).to_bytes(4, 'big') + part
                       for part in (kind, self.randomness.bytes(32)))
        data = base64.b64encode(key).decode()
        self.leaks.watch(data, 'the public key')
        return f'{kind.decode()} {data} root@{self.canaries["host"]}'

    def ask_nova(self, cloud: Any) -> None:
        """Send canaries through more of Nova's API, and scan the logs of its processes."""
        path, *others = self.texts[5:]
        data = base64.b64encode('\n'.join(self.texts).encode()).decode()
        # The encoding hides nothing: anyone can decode it.
        self.leaks.watch(data, 'the user data')
        flavor = cloud.flavor('SMALL')
        key = {'name': self.canaries['bare'], 'type': 'ssh', 'public_key': self.key}
        cloud.backend._request('POST', '/os-keypairs', {'keypair': key})
        # Nova writes the properties that it knows into the guest's XML.
        image = cloud.backend._client.ask('image', {
            'os_command_line': f'ro password={self.canaries["image"]}',
            'os_admin_user': self.canaries['bare'], 'os_distro': self.canaries['host'],
            'note': '; '.join(self.texts)})
        body = {'name': self.texts[0], 'flavorRef': flavor.flavorid, 'networks': 'none',
                'imageRef': image, 'adminPass': self.canaries['admin'],
                'description': self.canaries['host'], 'user_data': data,
                'key_name': key['name'], 'tags': [self.canaries['bare'], self.canaries['uuid']],
                'metadata': {f'note{number}': text for number, text in enumerate(self.texts)}
                            | {'admin_password': self.canaries['password'], 'path': path}}
        answer, _ = cloud.backend._request('POST', '/servers', {'server': body})
        server = Server(cloud, answer['server']['id'], self.texts[0])
        self.assertIn(f'password={self.canaries["image"]}', server.wait_for('ACTIVE').domain_xml())
        for method, where, what in (
                ('GET', f'/images/{image}', None),
                ('GET', f'/os-keypairs/{key["name"]}', None),
                ('POST', f'/servers/{server.id}/action',
                 {'changePassword': {'adminPass': self.canaries['password']}}),
                ('POST', f'/servers/{server.id}/remote-consoles',
                 {'remote_console': {'protocol': 'vnc', 'type': 'novnc'}}),
                ('GET', f'/servers/{server.id}/{others[0]}', None),
                ('PUT', f'/servers/{server.id}/metadata/password',
                 {'meta': {'password': self.canaries['password']}})):
            try:
                cloud.backend._request(method, where, what)
            except HarnessError as error:
                LOG.warning('refused', exc_info=error)
        logs = sorted(cloud.backend.directory.glob('*.log'))
        self.assertThat(logs, matchers.HasLength(2))
        seen = ''
        for log in logs:
            text = log.read_text()
            seen += text
            self.assertIn(' DEBUG ', text)
            self.leaks.look_at(f'the log {log.stem} of Nova', safelog.redact(text))
        # The canaries are in the unredacted logs, so the scan above has proved something.
        for name in ('uuid', 'host', 'bare', 'uri', 'token', 'image'):
            self.assertIn(self.canaries[name], seen, f'the canary {name} is not in what Nova logs')
