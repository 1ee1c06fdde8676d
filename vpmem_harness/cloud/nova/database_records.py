"""Server records, read directly from Nova's databases.

The API returns the same data at fifty times the cost, and a wait reads after every commit.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from vpmem_harness.cloud import api
from vpmem_harness.cloud.flavors import Flavor
from vpmem_harness.cloud.states import MIGRATION_FAILED, MOVED, PowerState, TaskState, VMState

_SERVER = """
SELECT i.*, e.flavor, e.resources, e.migration_context
FROM instances i LEFT JOIN instance_extra e ON e.instance_uuid = i.uuid
"""


class Records:
    """The databases of the cells; use it from one thread at a time.

    :param paths: the database files, the cell with the most servers first.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self._cells = [sqlite3.connect(path, check_same_thread=False) for path in paths]
        for cell in self._cells:
            cell.row_factory = sqlite3.Row

    def close(self) -> None:
        """Close the databases."""
        for cell in self._cells:
            cell.close()

    def _rows(self, query: str, *values: object) -> Iterator[tuple[sqlite3.Connection, Any]]:
        for cell in self._cells:
            with contextlib.closing(cell.execute(query, values)) as cursor:
                for row in cursor.fetchall():
                    yield cell, row

    def server(self, uuid: str) -> api.ServerRecord | None:
        """Return the state of a server; None if no cell has it."""
        for cell, row in self._rows(_SERVER + 'WHERE i.uuid = ? AND i.deleted = 0', uuid):
            return self._server(cell, row)
        return None

    def is_deleted(self, uuid: str) -> bool:
        """Whether a cell has the server as deleted."""
        return any(self._rows('SELECT 1 FROM instances WHERE uuid = ? AND deleted != 0', uuid))

    def servers(self) -> list[api.ServerRecord]:
        """Return all servers of the cells, oldest first."""
        rows = self._rows(_SERVER + 'WHERE i.deleted = 0')
        return [self._server(cell, row) for cell, row in
                sorted(rows, key=lambda found: (found[1]['created_at'], found[1]['id']))]

    def _server(self, cell: sqlite3.Connection, row: sqlite3.Row) -> api.ServerRecord:
        chosen = flavor_of(json.loads(row['flavor'])['cur']) if row['flavor'] else Flavor('', '')
        context = _data(row['migration_context'])
        return api.ServerRecord(
            id=row['uuid'], name=row['display_name'],
            instance_name=f"instance-{row['id']:08x}",
            vm_state=VMState(row['vm_state'] or 'building'),
            task_state=TaskState(row['task_state']) if row['task_state'] else None,
            power_state=PowerState(row['power_state'] or 0),
            host=row['host'], flavor=chosen,
            # The API shows faults only in these states.
            fault=self._fault(cell, row['uuid'])
            if row['vm_state'] in (VMState.ERROR, VMState.DELETED) else None,
            # The record of an instance keeps the resources of a host that it has left.
            namespaces=_in_order(
                _devices(_data(row['resources'])) if row['host'] else [], chosen.pmem),
            old_namespaces=tuple(_devices(_field(context, 'old_resources')))
            if context and self._has_moved(cell, context['migration_id']) else (),
            created=_moment(row['created_at']),
            launched=_moment_or_none(row['launched_at']))

    @staticmethod
    def _has_moved(cell: sqlite3.Connection, migration: int) -> bool:
        """Whether a move has left its source; the context of a failed move remains."""
        row = cell.execute('SELECT status FROM migrations WHERE id = ?', (migration,)).fetchone()
        return row is not None and row['status'] in MOVED

    @staticmethod
    def _fault(cell: sqlite3.Connection, uuid: str) -> api.Fault | None:
        row = cell.execute(
            'SELECT * FROM instance_faults WHERE instance_uuid = ? ORDER BY id DESC LIMIT 1',
            (uuid,)).fetchone()
        if row is None:
            return None
        return api.Fault(message=row['message'] or '', code=row['code'],
                         details=row['details'] or '', created=_moment(row['created_at']))

    def actions(self, uuid: str) -> list[api.InstanceAction]:
        """Return the requests for a server, oldest first."""
        found = []
        for cell, row in self._rows(
                'SELECT * FROM instance_actions WHERE instance_uuid = ? ORDER BY id', uuid):
            events = cell.execute(
                'SELECT * FROM instance_actions_events WHERE action_id = ? ORDER BY id',
                (row['id'],)).fetchall()
            found.append(api.InstanceAction(
                action=row['action'], request_id=row['request_id'], message=row['message'],
                events=tuple(api.InstanceActionEvent(
                    event=event['event'], host=event['host'], result=event['result'],
                    traceback=event['traceback'], details=event['details'],
                    start_time=_moment_or_none(event['start_time']),
                    finish_time=_moment_or_none(event['finish_time']))
                    for event in events), start_time=_moment_or_none(row['start_time'])))
        return found

    def migrations(self, uuid: str | None) -> list[api.MigrationRecord]:
        """Return the moves of one server or of all, oldest first."""
        return [api.MigrationRecord(
            uuid=row['uuid'], instance_uuid=row['instance_uuid'],
            migration_type=row['migration_type'], status=row['status'],
            source_compute=row['source_compute'], dest_compute=row['dest_compute'])
            for _cell, row in self._rows(
                'SELECT * FROM migrations WHERE ? IS NULL OR instance_uuid = ? ORDER BY id',
                uuid, uuid)]

    def owners(self, host: str) -> dict[str, str]:
        """Return the owner of each namespace on a host, from the records of servers."""
        found: dict[str, str] = {}
        for _cell, row in self._rows(
                _SERVER + 'WHERE i.deleted = 0 AND e.resources IS NOT NULL AND i.host = ?', host):
            for device in _devices(_data(row['resources'])):
                found[device.name] = row['uuid']
        moves = [row for _cell, row in self._rows(
            'SELECT e.instance_uuid, e.migration_context, m.id, m.status, m.source_compute,'
            ' m.dest_compute'
            ' FROM instance_extra e JOIN migrations m ON m.instance_uuid = e.instance_uuid'
            ' WHERE e.migration_context IS NOT NULL AND e.deleted = 0 ORDER BY m.id')]
        # A failed move keeps its context, although another server may have its resources.
        for row in sorted(moves, key=lambda row: row['status'] in MIGRATION_FAILED):
            context = _data(row['migration_context'])
            if context is None or context['migration_id'] != row['id']:
                continue    # another move of this server
            for side, field in (('source_compute', 'old_resources'),
                                ('dest_compute', 'new_resources')):
                if row[side] == host:
                    for device in _devices(_field(context, field)):
                        found.setdefault(device.name, row['instance_uuid'])
        return found


def flavor_of(primitive: dict[str, Any]) -> Flavor:
    """Convert a serialized Nova flavor."""
    data = primitive['nova_object.data']
    return Flavor(
        name=data['name'], flavorid=data['flavorid'], vcpus=data['vcpus'],
        ram=data['memory_mb'], disk=data['root_gb'], ephemeral=data['ephemeral_gb'],
        swap=data['swap'], extra_specs=data.get('extra_specs') or {})


def _data(text: str | None) -> dict[str, Any] | None:
    value = json.loads(text) if text else None
    return value['nova_object.data'] if value else None


def _field(data: dict[str, Any] | None, name: str) -> dict[str, Any] | None:
    value = (data or {}).get(name)
    return value['nova_object.data'] if value else None


def _devices(resources: dict[str, Any] | None) -> list[api.VPMEMDevice]:
    found = []
    for each in (resources or {}).get('objects', ()):
        device = each['nova_object.data']['metadata']['nova_object.data']
        found.append(api.VPMEMDevice(
            label=device['label'], name=device['name'], devpath=device['devpath'],
            size=device['size'], align=device['align']))
    return found


def _in_order(devices: list[api.VPMEMDevice],
              labels: Sequence[str]) -> tuple[api.VPMEMDevice, ...]:
    left, ordered = list(devices), []
    for label in labels:
        for device in left:
            if device.label == label:
                ordered.append(device)
                left.remove(device)
                break
    return tuple(ordered + left)


def _moment(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC)


def _moment_or_none(text: str | None) -> datetime.datetime | None:
    return _moment(text) if text else None
