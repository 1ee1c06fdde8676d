"""A fleet in a file: ``save`` and ``load``."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vpmem_harness.exceptions import InvalidInputError, unreadable, unwritable
from vpmem_harness.fleet import graph
from vpmem_harness.fleet.saved_host import SavedHost
from vpmem_harness.fleet.spec import FleetSpec, check_schema

if TYPE_CHECKING:
    from cattrs import Converter

#: The name and the version of the format; another version cannot be loaded.
FORMAT = 'vpmem-harness fleet'
VERSION = 1

_TEXT = {'type': 'string'}
_NUMBER = {'type': 'integer', 'minimum': 0}

#: The JSON schema of a file.
SCHEMA: Mapping[str, Any] = {
    'type': 'object',
    'additionalProperties': False,
    'required': ['format', 'version', 'checksum', 'fleet'],
    'properties': {
        'format': {'const': FORMAT},
        'version': {'const': VERSION},
        'checksum': _TEXT,
        'fleet': {
            'type': 'object',
            'additionalProperties': False,
            'required': ['spec', 'generation', 'hosts', 'servers'],
            'properties': {
                'spec': {'type': 'object', 'required': ['seed', 'hosts']},
                'generation': _NUMBER,
                'hosts': {'type': 'object', 'additionalProperties': {
                    'type': 'object',
                    'required': [one.name for one in dataclasses.fields(SavedHost)],
                    'properties': {
                        'root': _TEXT, 'first_region': _NUMBER, 'release': _TEXT,
                        'libvirtd': {'enum': ['running', 'down']}, 'memory': graph.SCHEMA,
                        'domains': graph.SCHEMA,
                        'files': {'type': 'object', 'additionalProperties': _NUMBER},
                    },
                }},
                'servers': {'anyOf': [{'type': 'null'}, graph.SCHEMA]},
            },
        },
    },
}


@dataclass(frozen=True)
class SavedFleet:
    """A saved fleet: ``hosts`` by name, ``servers`` is a graph of the stub's records.

    ``generation`` counts how often the fleet was loaded: each time, it draws other random values.
    """

    spec: FleetSpec
    generation: int
    hosts: dict[str, SavedHost]
    servers: dict[str, Any] | None


def write(values: dict[str, Any], path: Path) -> None:
    """Write a fleet to a file for its user alone, and replace the file in one step.

    :param values: what :func:`to_values` has returned.
    :raises InvalidInputError: when the file cannot be written.
    """
    document = {'format': FORMAT, 'version': VERSION, 'checksum': _checksum(values),
                'fleet': values}
    draft = path.with_name(f'.{path.name}.{os.getpid()}')
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with open(descriptor, 'w', encoding='utf-8') as stream:
                json.dump(document, stream)
            draft.rename(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise unwritable('FILE', path, error) from error


_SAVED = 'a file that "vpmem-harness save" has written'


def read(path: Path) -> SavedFleet:
    """Read a fleet from a file.

    :raises InvalidInputError: when it is no such file, has another version, or was changed.
    """
    what = f'saved fleet {path}'
    try:
        document = json.loads(path.read_text('utf-8'))
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable('saved fleet', path, error, expected=_SAVED,
                         remedy='use another path') from error
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(what, expected=_SAVED, got=f'no JSON ({error})',
                                remedy='use another path') from error
    if isinstance(document, dict) and document.get('format') == FORMAT and (
            document.get('version') != VERSION):
        raise InvalidInputError(
            what, expected=f'version {VERSION} of the format',
            got=f'version {document.get("version")!r}',
            remedy='use the vpmem-harness that has written it')
    check_schema(document, SCHEMA, what)
    if document['checksum'] != _checksum(document['fleet']):
        raise InvalidInputError(what, expected='a file that has not changed since "save"',
                                got='one that has changed', remedy='save the fleet again')
    try:
        saved: SavedFleet = _converter().structure(document['fleet'], SavedFleet)
    except Exception as error:
        raise InvalidInputError(
            what, expected='a fleet of this version of vpmem-harness', got=str(error),
            remedy='use the vpmem-harness that has written it') from error
    names = [host.name for host in saved.spec.hosts]
    if sorted(names) != sorted(saved.hosts) or saved.spec.cloud != (saved.servers is not None):
        raise InvalidInputError(what, expected='the state of each host and of the cloud',
                                got='missing or additional states', remedy='save the fleet again')
    return saved


def to_values(saved: SavedFleet) -> dict[str, Any]:
    """Return a fleet as values that ``json.dumps`` accepts."""
    values: dict[str, Any] = _converter().unstructure(saved)
    return values


def _checksum(values: object) -> str:
    text = json.dumps(values, sort_keys=True, separators=(',', ':'))
    return hashlib.sha256(text.encode()).hexdigest()


@functools.cache
def _converter() -> Converter:
    from cattrs.preconf.json import make_converter

    return make_converter(forbid_extra_keys=True)
