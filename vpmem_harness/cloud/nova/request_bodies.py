"""Request bodies of the actions on a server in Nova's API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

#: Functions that create the body from the arguments, by name of the action in Backend.request.
BODIES: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    'resize': lambda given: {'resize': {'flavorRef': given['flavor'].flavorid}},
    'migrate': lambda given: {'migrate': {'host': given.get('host')}},
    'confirmResize': lambda given: {'confirmResize': None},
    'revertResize': lambda given: {'revertResize': None},
    'stop': lambda given: {'os-stop': None},
    'start': lambda given: {'os-start': None},
    'reboot': lambda given: {'reboot': {'type': given.get('type', 'SOFT')}},
    'pause': lambda given: {'pause': None},
    'unpause': lambda given: {'unpause': None},
    'suspend': lambda given: {'suspend': None},
    'resume': lambda given: {'resume': None},
    'rebuild': lambda given: {'rebuild': {'imageRef': given['image']}},
    'shelve': lambda given: {'shelve': None},
    'shelveOffload': lambda given: {'shelveOffload': None},
    'unshelve': lambda given: {
        'unshelve': {'host': given['host']} if given.get('host') else None},
    'rescue': lambda given: {'rescue': None},
    'unrescue': lambda given: {'unrescue': None},
    'live-migration': lambda given: {
        'os-migrateLive': {'host': given.get('host'), 'block_migration': 'auto'}},
    'evacuate': lambda given: {
        'evacuate': {'host': given['host']} if given.get('host') else {}},
    'resetState': lambda given: {'os-resetState': {'state': given['state']}},
}
