"""The events of a report: requests, calls, faults, reboots and changes of state."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator

from vpmem_harness.cloud.api import InstanceAction, InstanceActionEvent
from vpmem_harness.cloud.cloud import Cloud
from vpmem_harness.host.calls import Call, LibvirtCall
from vpmem_harness.host.machine import Host
from vpmem_harness.report.model import CLOUD, Event

#: How many events a report lists: the last ones.
EVENTS_SHOWN = 3_000

#: How many XML documents a report contains, the last ones, and how long each may be.
_DOCUMENTS_SHOWN = 100
_DOCUMENT_LENGTH = 20_000

#: How many characters of an argument are shown.
_ARGUMENT_LENGTH = 200


def events(hosts: Iterable[Host], clouds: Iterable[Cloud],
           problems: list[str]) -> tuple[tuple[Event, ...], int]:
    """Return the last events, oldest first, and how many came before them."""
    found: list[Event] = []
    left_out = 0
    for host in hosts:
        own = [*_calls(host), *_history(host)]
        found += own
        left_out += host.calls.dropped
    for cloud in clouds:
        try:
            found += _requests(cloud)
        except Exception as error:
            problems.append(f'the requests could not be read: {error!r}')
        found += [Event(event.time.timestamp(), event.host, 'state', event.text)
                  for event in cloud.service_events]
    found.sort(key=lambda event: event.time)
    left_out += sum(event.count for event in found[:-EVENTS_SHOWN])
    return tuple(found[-EVENTS_SHOWN:]), left_out


def _calls(host: Host) -> Iterator[Event]:
    """Yield the calls to a host; one event for the same call made repeatedly."""
    calls = list(host.calls)
    documented = {call.number for call in [
        call for call in calls if isinstance(call, LibvirtCall) and call.changes and call.xml
    ][-_DOCUMENTS_SHOWN:]}
    first: Call | None = None
    count = 0
    for call in calls:
        if first is not None and call.name == first.name and str(call) == str(first) and (
                call.outcome == first.outcome and call.number not in documented):
            count += 1
            continue
        if first is not None:
            yield _call(host, first, count, first.number in documented)
        first, count = call, 1
    if first is not None:
        yield _call(host, first, count, first.number in documented)


def _call(host: Host, call: Call, count: int, documented: bool) -> Event:
    reads = isinstance(call, LibvirtCall) and not call.changes
    return Event(
        host.history.real_time(call.time), host.name, 'read' if reads else 'call', call.summary,
        '\n'.join(_call_details(call, documented)), call.failed, count, call.duration)


def _call_details(call: Call, documented: bool) -> Iterator[str]:
    if isinstance(call, LibvirtCall):
        for name, value in call.arguments.items():
            shown = value if isinstance(value, str) else repr(value)
            if not shown.lstrip().startswith('<'):
                yield f'{name}: {_cut(shown, _ARGUMENT_LENGTH)}'
    if call.caller.pid:
        yield f'by: {call.caller}'
    if call.failed:
        yield call.outcome
        stderr = getattr(call.result, 'stderr', '')
        if stderr:
            yield stderr.rstrip()
    if documented and call.xml is not None:
        yield _cut(call.xml.strip(), _DOCUMENT_LENGTH)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f'{text[:length]} ... ({len(text)} characters)'


def _history(host: Host) -> Iterator[Event]:
    for event in host.history.events:
        yield Event(host.history.real_time(event.time), host.name, event.kind.value, event.text)


def _requests(cloud: Cloud) -> Iterator[Event]:
    """Yield the requests to the servers of a cloud, and their steps on the hosts."""
    hosts = {host.name for host in cloud.hosts}
    for server_id, name in cloud.known_servers.items():
        for action in cloud.backend.actions(server_id):
            if action.start_time is not None:
                yield _request(name, action)
            for step in action.events:
                if step.host in hosts and step.start_time is not None:
                    yield _step(name, step)


def _request(name: str, action: InstanceAction) -> Event:
    steps = [f'{step.event}{f" on {step.host}" if step.host else ""}: '
             f'{step.result or "in progress"}' for step in action.events]
    failed = action.message is not None or action.failed
    return Event(_seconds(action.start_time), CLOUD, 'request', f'{action.action} {name}',
                 '\n'.join([action.request_id, *steps]), failed)


def _step(name: str, step: InstanceActionEvent) -> Event:
    started = _seconds(step.start_time)
    took = None if step.finish_time is None else _seconds(step.finish_time) - started
    outcome = {'Success': '', None: ': in progress'}.get(step.result, f': {step.details}')
    return Event(started, str(step.host), 'step', f'{step.event} {name}{outcome}',
                 step.traceback or '', step.result == 'Error', 1, took)


def _seconds(moment: datetime.datetime | None) -> float:
    return 0.0 if moment is None else moment.timestamp()
