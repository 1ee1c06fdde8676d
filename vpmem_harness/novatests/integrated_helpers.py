"""Helpers under the names of Nova's functional tests, for any cloud.

The names and signatures are those of ``nova.tests.functional.integrated_helpers``, with servers as
dictionaries in the shape of the API. The helpers wait for the same states as Nova's, but for events
instead of polling; ``max_retries`` sets the timeout, with half a second per retry.

::

    class ResizeTest(InstanceHelperMixin, VPMEMTestCase):

        def setUp(self):
            super().setUp()
            self.cloud = self.useFixture(CloudFixture())
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, TypeVar

from vpmem_harness.cloud import errors
from vpmem_harness.cloud.api import InstanceActionEvent, MigrationRecord
from vpmem_harness.cloud.cloud import Cloud
from vpmem_harness.cloud.flavors import Flavor

T = TypeVar('T')

#: A server in the shape of Nova's API.
ServerDict = dict[str, Any]

#: Polling interval of Nova's helpers in seconds.
RETRY = 0.5

#: Default of parameters for which None is a value.
NOT_SPECIFIED = object()


class PlacementHelperMixin:
    """Helpers for Placement, in the shape of its API."""

    cloud: Cloud

    def _get_provider_uuid_by_host(self, host: str) -> str:
        return self.cloud.backend.provider_uuid(host)

    def _host_by_provider_uuid(self, rp_uuid: str) -> str:
        return next(host.name for host in self.cloud.hosts
                    if self.cloud.backend.provider_uuid(host.name) == rp_uuid)

    def _get_provider_inventory(self, rp_uuid: str) -> dict[str, dict[str, Any]]:
        inventories = self.cloud.backend.inventories(self._host_by_provider_uuid(rp_uuid))
        return {name: vars(inventory) for name, inventory in inventories.items()}

    def _get_provider_usages(self, provider_uuid: str) -> dict[str, int]:
        return self.cloud.backend.usages(self._host_by_provider_uuid(provider_uuid))

    def _get_allocations_by_server_uuid(self, server_uuid: str) -> dict[str, dict[str, Any]]:
        held = self.cloud.backend.allocations(server_uuid)
        return {rp_uuid: {'resources': resources} for rp_uuid, resources in held.items()}

    def _check_vpmem_allocations(
        self, vpmem_allocs: Mapping[str, int], server_id: str, cn_uuid: str,
    ) -> None:
        """Check the allocations of a server on a compute node."""
        cn_allocs = self._get_allocations_by_server_uuid(server_id)[cn_uuid]['resources']
        for rc, amount in vpmem_allocs.items():
            if cn_allocs[rc] != amount:
                raise AssertionError(f'{rc}: {amount} != {cn_allocs[rc]}')


class InstanceHelperMixin(PlacementHelperMixin):
    """Helpers of Nova's InstanceHelperMixin; the test sets ``self.cloud``."""

    def fail(self, msg: str | None = None) -> NoReturn:
        raise AssertionError(msg)

    # Waiting

    def _deadline(self, max_retries: int) -> float:
        return max(self.cloud.timeout, max_retries * RETRY)

    def _wait_for_server_parameter(
        self, server: ServerDict, expected_params: Mapping[str, Any], max_retries: int = 10,
        api: object = None, wait_for_fault_key: bool = True,
    ) -> ServerDict:
        wait_for_fault = wait_for_fault_key and expected_params.get('status') == 'ERROR'

        def is_expected(now: ServerDict) -> bool:
            return all(now[name] == value for name, value in expected_params.items()) and (
                not wait_for_fault or 'fault' in now)

        def ended() -> ServerDict | None:
            now = self._show(server)
            if not is_expected(now):
                # Nova's helper polls until its retries are used up.
                if now['status'] != 'ERROR' or not self.cloud.backend.at_rest(server['id']):
                    return None
                now = self._show(server)
            return now

        now = self.cloud.backend.wait_for(ended, self._deadline(max_retries))
        if now is None or not is_expected(now):
            self.fail(
                f'Wait for state change failed, expected_params={dict(expected_params)}, '
                f'server={self._show(server)}, wait_for_fault={wait_for_fault}')
        return now

    def _wait_for_state_change(
        self, server: ServerDict, expected_status: str, max_retries: int = 10,
        wait_for_fault_key: bool = True,
    ) -> ServerDict:
        return self._wait_for_server_parameter(
            server, {'status': expected_status}, max_retries,
            wait_for_fault_key=wait_for_fault_key)

    def _wait_until_deleted(self, server: ServerDict) -> None:
        initially_in_error = server.get('status') == 'ERROR'

        def gone() -> str | None:
            try:
                now = self.cloud.backend.server(server['id'])
            except errors.InstanceNotFound:
                return 'gone'
            return 'failed' if now.status == 'ERROR' and not initially_in_error else None

        outcome = self.cloud.backend.wait_for(gone, self._deadline(40))
        if outcome == 'failed':
            self.fail('Server went to error state instead of disappearing.')
        if outcome is None:
            self.fail('Server failed to delete.')

    def _wait_for_migration_status(
        self, server: ServerDict, expected_statuses: Sequence[str],
    ) -> MigrationRecord:
        statuses = [status.lower() for status in expected_statuses]

        def reached() -> MigrationRecord | None:
            for migration in self.cloud.backend.migrations(server['id']):
                if migration.status.lower() in statuses:
                    return migration
            return None

        return self.cloud.backend.wait_for(reached, self._deadline(10)) or self.fail(
            f'Timed out waiting for migration with status for instance {server["id"]} (expected '
            f'"{expected_statuses}", got '
            f'"{[one.status for one in self.cloud.backend.migrations(server["id"])]}")')

    def _wait_for_instance_action_event(
        self, server: ServerDict, action_name: str, event_name: str, event_result: str,
    ) -> InstanceActionEvent:
        def reached() -> InstanceActionEvent | None:
            for action in reversed(self.cloud.backend.actions(server['id'])):
                for event in action.events if action.action == action_name else ():
                    if event.event == event_name and (event.result or '').lower() == (
                            event_result.lower()):
                        return event
            return None

        return self.cloud.backend.wait_for(reached, self._deadline(10)) or self.fail(
            f'Timed out waiting for {event_name} instance action event. Current instance '
            f'actions: {self.cloud.backend.actions(server["id"])}')

    def _wait_for_action_fail_completion(
        self, server: ServerDict, expected_action: str, event_name: str,
    ) -> InstanceActionEvent:
        return self._wait_for_instance_action_event(
            server, expected_action, event_name, event_result='error')

    def _assert_resize_migrate_action_fail(
        self, server: ServerDict, action: str, error_in_tb: str,
    ) -> InstanceActionEvent:
        event = self._wait_for_action_fail_completion(server, action, 'conductor_migrate_server')
        if error_in_tb not in (event.traceback or ''):
            self.fail(f'{error_in_tb!r} is not in {event.traceback!r}')
        return event

    # Flavors and servers

    def _create_flavor(
        self, id: str | None = None, name: str | None = None, memory_mb: int = 2048,
        vcpu: int = 2, disk: int = 10, ephemeral: int = 10, swap: int = 0,
        rxtx_factor: float | None = None, is_public: bool = True,
        extra_spec: Mapping[str, str] | None = None,
    ) -> str:
        if id is None:
            return self.cloud.flavor(
                name=name, vcpus=vcpu, ram=memory_mb, disk=disk, ephemeral=ephemeral,
                swap=swap, extra_specs=extra_spec).flavorid
        return self.cloud.know_flavor(Flavor(
            name or id, id, vcpu, memory_mb, disk, ephemeral, swap,
            dict(extra_spec or {}))).flavorid

    def _create_server(
        self, name: str | None = None, image_uuid: str | None = None,
        flavor_id: str | None = None, networks: object = None, az: str | None = None,
        host: str | None = None, expected_state: str = 'ACTIVE', api: object = None,
    ) -> ServerDict:
        """Boot a server; ``az='nova:HOST'`` or ``host`` selects a host."""
        flavor = self.cloud.flavor_by_id(flavor_id) if flavor_id else self.cloud.flavor()
        if az is not None and ':' in az:
            host = az.split(':')[1]
        server = self.cloud.boot(name=name, flavor=flavor, host=host, expect=None)
        return self._wait_for_state_change({'id': server.id}, expected_state)

    def _show_server(self, server: ServerDict) -> ServerDict:
        try:
            return self._show(server)
        except errors.InstanceNotFound:
            return server

    def _show(self, server: ServerDict) -> ServerDict:
        """Return a server as Nova's API shows it."""
        record = self.cloud.backend.server(server['id'])
        shown = {
            'id': record.id,
            'name': record.name,
            'status': record.status,
            'flavor': {
                'original_name': record.flavor.name, 'vcpus': record.flavor.vcpus,
                'ram': record.flavor.ram, 'disk': record.flavor.disk,
                'ephemeral': record.flavor.ephemeral, 'swap': record.flavor.swap,
                'extra_specs': dict(record.flavor.extra_specs)},
            'OS-EXT-AZ:availability_zone': '' if record.host is None else 'nova',
            'OS-EXT-SRV-ATTR:host': record.host,
            'OS-EXT-SRV-ATTR:hypervisor_hostname': record.host,
            'OS-EXT-SRV-ATTR:instance_name': record.instance_name,
            'OS-EXT-STS:power_state': int(record.power_state),
            'OS-EXT-STS:task_state': record.task_state,
            'OS-EXT-STS:vm_state': record.vm_state,
        }
        if record.fault is not None:
            shown['fault'] = vars(record.fault)
        return shown

    def _ask(self, server: ServerDict, action: str, **arguments: object) -> None:
        self.cloud.backend.request(server['id'], action, **arguments)

    def _delete_server(self, server: ServerDict) -> None:
        self._ask(server, 'delete')
        self._wait_until_deleted(server)

    def _reboot_server(
        self, server: ServerDict, hard: bool = False, expected_state: str = 'ACTIVE',
        api: object = None,
    ) -> ServerDict:
        self._ask(server, 'reboot', type='HARD' if hard else 'SOFT')
        if expected_state != 'ERROR':
            self._wait_for_instance_action_event(
                server, 'reboot', 'compute_reboot_instance', 'success')
        return self._wait_for_state_change(server, expected_state)

    def _rebuild_server(
        self, server: ServerDict, image_uuid: str, expected_state: str = 'ACTIVE',
    ) -> ServerDict:
        self._ask(server, 'rebuild')
        self._wait_for_instance_action_event(
            server, 'rebuild', 'compute_rebuild_instance', 'success')
        return self._wait_for_state_change(server, expected_state)

    def _migrate_server(
        self, server: ServerDict, host: str | None = None,
        expected_state: str = 'VERIFY_RESIZE', api: object = None,
    ) -> ServerDict:
        self._ask(server, 'migrate', host=host)
        return self._wait_for_state_change(server, expected_state)

    def _resize_server(self, server: ServerDict, flavor_id: str) -> ServerDict:
        self._ask(server, 'resize', flavor=self.cloud.flavor_by_id(flavor_id))
        return self._wait_for_state_change(server, 'VERIFY_RESIZE')

    def _confirm_resize(self, server: ServerDict, *, cross_cell: bool = False) -> ServerDict:
        self._ask(server, 'confirmResize')
        server = self._wait_for_state_change(server, 'ACTIVE')
        self._wait_for_instance_action_event(
            server, 'confirmResize', 'compute_confirm_resize', 'success')
        return server

    def _revert_resize(self, server: ServerDict) -> ServerDict:
        self._ask(server, 'revertResize')
        server = self._wait_for_state_change(server, 'ACTIVE')
        self._wait_for_migration_status(server, ['reverted'])
        self._wait_for_instance_action_event(
            server, 'revertResize', 'compute_finish_revert_resize', 'success')
        return server

    def _live_migrate(
        self, server: ServerDict, migration_expected_state: str = 'completed',
        server_expected_state: str = 'ACTIVE', api: object = None, host: str | None = None,
        wait_for_fault_key: bool = True,
    ) -> ServerDict:
        self._ask(server, 'live-migration', host=host)
        self._wait_for_migration_status(server, [migration_expected_state])
        return self._wait_for_state_change(
            server, server_expected_state, wait_for_fault_key=wait_for_fault_key)

    _live_migrate_server = _live_migrate

    def _suspend_server(
        self, server: ServerDict, expected_state: str = 'SUSPENDED',
    ) -> ServerDict:
        self._ask(server, 'suspend')
        return self._wait_for_state_change(server, expected_state)

    def _resume_server(self, server: ServerDict, expected_state: str = 'ACTIVE') -> ServerDict:
        self._ask(server, 'resume')
        return self._wait_for_state_change(server, expected_state)

    def _shelve_server(
        self, server: ServerDict, expected_state: str = 'SHELVED_OFFLOADED',
    ) -> ServerDict:
        self._ask(server, 'shelve')
        return self._wait_for_state_change(server, expected_state)

    def _shelve_offload_server(self, server: ServerDict) -> None:
        self._ask(server, 'shelveOffload')
        self._wait_for_server_parameter(server, {
            'status': 'SHELVED_OFFLOADED', 'OS-EXT-SRV-ATTR:host': None,
            'OS-EXT-AZ:availability_zone': ''})

    def _unshelve_server(self, server: ServerDict, expected_state: str = 'ACTIVE') -> ServerDict:
        self._ask(server, 'unshelve')
        return self._wait_for_state_change(server, expected_state)

    def _evacuate_server(
        self, server: ServerDict, extra_post_args: Mapping[str, Any] | None = None,
        expected_host: str | None = None, expected_state: str = 'SHUTOFF',
        expected_task_state: object = NOT_SPECIFIED, expected_migration_status: str = 'done',
    ) -> ServerDict:
        expected: dict[str, object] = {'status': expected_state}
        if expected_host:
            expected['OS-EXT-SRV-ATTR:host'] = expected_host
        if expected_task_state is not NOT_SPECIFIED:
            expected['OS-EXT-STS:task_state'] = expected_task_state
        self._ask(server, 'evacuate', **dict(extra_post_args or {}))
        self._wait_for_migration_status(server, [expected_migration_status])
        return self._wait_for_server_parameter(server, expected)

    def _start_server(self, server: ServerDict) -> ServerDict:
        self._ask(server, 'start')
        return self._wait_for_state_change(server, 'ACTIVE')

    def _stop_server(self, server: ServerDict, wait_for_stop: bool = True) -> ServerDict:
        self._ask(server, 'stop')
        return self._wait_for_state_change(server, 'SHUTOFF') if wait_for_stop else server

    def _run_periodics(self) -> None:
        """Run the periodic tasks of each compute service that is up."""
        for host in self.cloud.hosts:
            compute = self.cloud.compute(host)
            if compute.is_up:
                compute.run_periodic_tasks()

    def _rescue_server(self, server: ServerDict) -> ServerDict:
        self._ask(server, 'rescue')
        return self._wait_for_state_change(server, 'RESCUE')

    def _unrescue_server(self, server: ServerDict) -> ServerDict:
        self._ask(server, 'unrescue')
        return self._wait_for_state_change(server, 'ACTIVE')
