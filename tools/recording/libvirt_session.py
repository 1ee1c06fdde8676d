"""Records the answers of the real libvirtd to a session of the conformance tests.

    python -m tools.recording.libvirt_session storage
    python -m tools.recording.libvirt_session saving
    python -m tools.recording.libvirt_session snapshots
    python -m tools.recording.libvirt_session measuring
    python -m tools.recording.libvirt_session block-jobs
    python -m tools.recording.libvirt_session detaching
    python -m tools.recording.libvirt_session clients
    python -m tools.recording.libvirt_session checkpoints
    python -m tools.recording.libvirt_session backups
    python -m tools.recording.libvirt_session --release debian13 storage

It needs Debian's libvirt-daemon, libvirt-daemon-driver-qemu, qemu-system-x86 and qemu-utils. It
starts an unprivileged libvirtd on a private socket, works in a private directory and changes
nothing else. It writes ``tests/golden/libvirt/NAME.json``, or for Debian 13
``debian13/libvirt-11.3-NAME.json`` there.
"""

from __future__ import annotations

import argparse
import functools

import libvirt

from tests.conformance import (
    backup_session,
    block_job_session,
    checkpoint_session,
    client_session,
    detaching_session,
    libvirtd,
    measuring_session,
    saving_session,
    snapshot_session,
    storage_session,
)
from tools.recording.steps import write

SESSIONS = {'backups': backup_session.outcomes, 'checkpoints': checkpoint_session.outcomes,
            'measuring': measuring_session.outcomes, 'saving': saving_session.outcomes,
            'snapshots': snapshot_session.outcomes, 'storage': storage_session.outcomes,
            'block-jobs': block_job_session.outcomes, 'clients': client_session.outcomes,
            'detaching': lambda uri, directory: detaching_session.outcomes(uri)}


#: The sessions that are recorded with Debian 13, and the prefix of their files.
SESSIONS_13 = {'storage': functools.partial(storage_session.outcomes, overfull=False)}
_PREFIX_13 = 'debian13/libvirt-11.3-'


def record(name: str, release: str) -> None:
    """Run the session with that name on the libvirtd of a release, and write its file."""
    session = SESSIONS[name] if release == 'debian12' else SESSIONS_13[name]
    libvirt.registerErrorHandler(lambda context, error: None, None)
    with libvirtd.RealLibvirtd() as real:
        write(name if release == 'debian12' else _PREFIX_13 + name, session(
            f'qemu+unix:///session?socket={real.path}', real.shared_directory()))


if __name__ == '__main__':
    parser = argparse.ArgumentParser()
    parser.add_argument('--release', choices=['debian12', 'debian13'], default='debian12')
    parser.add_argument('session', choices=list(SESSIONS))
    given = parser.parse_args()
    record(given.session, given.release)
