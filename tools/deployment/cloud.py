"""What a client does with the cloud: catalog, flavors, image, network and servers."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tools.deployment import processes
from tools.deployment.settings import REGION, Settings, program

NETWORK = 'private'
PUBLIC = 'public'
IMAGE = 'empty'

#: Flavors by name: virtual CPUs, MiB of memory, and the extra specification hw:pmem. They have no
#: disk size, so that disks, and the snapshots that shelving uploads, are as small as the image.
FLAVORS: Mapping[str, tuple[int, int, str | None]] = {
    'plain': (1, 64, None),
    'plain-large': (2, 128, None),
    'pmem': (1, 64, 'SMALL'),
    'pmem-large': (2, 128, 'LARGE,SMALL'),
}

#: The size of the image in bytes.
_IMAGE_SIZE = 1 << 20

#: Seconds for one operation of a server.
PATIENCE = 600.0


class Cloud:
    """A connection as the administrator."""

    def __init__(self, settings: Settings) -> None:
        # Only here, so that the rest can be tested without the packages of the deployment.
        import openstack

        self._settings = settings
        self.connection: Any = openstack.connect(
            load_yaml_config=False, load_envvars=False, **access(settings))

    def create_catalog(self, services: Mapping[str, tuple[str, str]]) -> None:
        """Create users, services and endpoints.

        :param services: the type and the address of each service, by its name.
        """
        identity = self.connection.identity
        project = identity.create_project(name='service', domain_id='default')
        roles = [identity.find_role(name) or identity.create_role(name=name)
                 for name in ('admin', 'service')]
        for name, (kind, url) in services.items():
            user = identity.create_user(name=name, password=self._settings.password,
                                        domain_id='default', default_project_id=project.id)
            for role in roles:
                identity.assign_project_role_to_user(project, user, role)
            service = identity.create_service(name=name, type=kind)
            for interface in ('public', 'internal'):
                identity.create_endpoint(service_id=service.id, interface=interface, url=url,
                                         region_id=REGION)

    def create_resources(self) -> None:
        """Create the flavors, an image, a network for servers and one for floating IPs."""
        compute, network = self.connection.compute, self.connection.network
        for name, (vcpus, ram, labels) in FLAVORS.items():
            flavor = compute.create_flavor(name=name, vcpus=vcpus, ram=ram, disk=0)
            if labels:
                compute.create_flavor_extra_specs(flavor, {'hw:pmem': labels})
        self.connection.image.create_image(
            name=IMAGE, data=bytes(_IMAGE_SIZE), disk_format='raw', container_format='bare',
            visibility='public')
        private = network.create_network(name=NETWORK, is_shared=True)
        network.create_subnet(network_id=private.id, ip_version=4, cidr='192.0.2.0/24',
                              gateway_ip=None)
        public = network.create_network(name=PUBLIC, is_router_external=True)
        network.create_subnet(network_id=public.id, ip_version=4, cidr='198.51.100.0/24',
                              is_dhcp_enabled=False)

    def boot(self, name: str, flavor: str, **options: Any) -> Any:
        """Boot a server on the network and wait until it is ACTIVE."""
        compute = self.connection.compute
        server = compute.create_server(
            name=name, flavor_id=compute.find_flavor(flavor).id,
            image_id=self.connection.image.find_image(IMAGE).id,
            networks=[{'uuid': self.connection.network.find_network(NETWORK).id}], **options)
        return self.wait_for(server, 'ACTIVE')

    def request_boots(self, names: Iterable[str], clients: int) -> None:
        """Request servers without ports, some at the same time, and do not wait for them."""
        compute = self.connection.compute
        flavor, image = compute.find_flavor('plain').id, self.connection.image.find_image(IMAGE).id

        def request(name: str) -> None:
            compute.create_server(name=name, flavor_id=flavor, image_id=image, networks='none')

        with ThreadPoolExecutor(clients) as pool:
            for _ in pool.map(request, names):
                pass

    def states(self, prefix: str) -> dict[str, str]:
        """Return the statuses of the servers whose names have a prefix."""
        return {server.name: server.status for server in self.connection.compute.servers()
                if server.name.startswith(prefix)}

    def delete_all(self, prefix: str) -> None:
        """Request the deletion of the servers whose names have a prefix."""
        for server in self.connection.compute.servers(details=False):
            if server.name.startswith(prefix):
                self.connection.compute.delete_server(server.id)

    def wait_for(self, server: Any, status: str) -> Any:
        """Wait until a server has a status and no task, and return it.

        :raises processes.DeploymentError: when it goes to ERROR, or does not get there in time.
        """
        found: Any = server

        def there() -> bool:
            nonlocal found
            found = self.connection.compute.get_server(server.id)
            if found.status == 'ERROR' and status != 'ERROR':
                reason = (found.fault or {}).get('message', 'unknown')
                raise processes.DeploymentError(f'{found.name} is in ERROR: {reason}')
            return found.status == status and not found.task_state

        processes.wait(f'{server.name} becomes {status}', there, PATIENCE)
        return found

    def delete(self, server: Any) -> None:
        """Delete a server and wait until it is gone."""
        compute = self.connection.compute
        compute.delete_server(server.id)
        processes.wait(f'{server.name} is deleted',
                       lambda: not any(one.id == server.id for one in compute.servers()),
                       PATIENCE)

    def computes_up(self) -> set[str]:
        """Return the hosts whose nova-compute is up."""
        return {service.host for service in self.connection.compute.services()
                if service.binary == 'nova-compute' and service.state == 'up'}

    def force_down(self, host: str) -> None:
        """Tell Nova that a compute is down, without waiting for missing reports."""
        self._set_forced_down(host, True)

    def bring_up(self, host: str) -> None:
        """Wait until a compute that was forced down is up again."""
        from openstack import exceptions

        def up() -> bool:
            # Nova refuses until the compute has cleaned up what was evacuated.
            with contextlib.suppress(exceptions.BadRequestException):
                self._set_forced_down(host, False)
            return host in self.computes_up()

        processes.wait(f'{host} is up', up, PATIENCE)

    def _set_forced_down(self, host: str, down: bool) -> None:
        compute = self.connection.compute
        service = next(compute.services(host=host, binary='nova-compute'))
        compute.update_service_forced_down(service, host, 'nova-compute', down)


def access(settings: Settings) -> dict[str, str]:
    """Return how the administrator logs in, as openstacksdk names it."""
    return {
        'auth_url': settings.url('keystone'), 'username': 'admin', 'password': settings.password,
        'project_name': 'admin', 'user_domain_id': 'default', 'project_domain_id': 'default',
        'region_name': REGION, 'interface': 'public',
    }


def rc_file(settings: Settings) -> str:
    """Return the text of a file for ``source``, after which the client ``openstack`` works."""
    names = {'region_name': 'REGION_NAME'}
    lines = [f'export OS_{names.get(name, name.upper())}={value}'
             for name, value in access(settings).items()]
    return '\n'.join([*lines, 'export OS_IDENTITY_API_VERSION=3',
                      f'PATH={os.path.dirname(program("nova-manage"))}:$PATH', ''])
