"""Records the answers of the real libvirtd to a session of the conformance tests.

    python -m tools.recording.libvirt_session storage
    python -m tools.recording.libvirt_session saving
    python -m tools.recording.libvirt_session snapshots
    python -m tools.recording.libvirt_session measuring

It needs Debian's libvirt-daemon, libvirt-daemon-driver-qemu, qemu-system-x86 and qemu-utils. It
starts an unprivileged libvirtd on a private socket, works in a private directory and changes
nothing else. It writes ``tests/golden/libvirt/NAME.json``.
"""

from __future__ import annotations

import sys

import libvirt

from tests.conformance import (
    libvirtd,
    measuring_session,
    saving_session,
    snapshot_session,
    storage_session,
)
from tools.recording.steps import write

SESSIONS = {'measuring': measuring_session.outcomes, 'saving': saving_session.outcomes,
            'snapshots': snapshot_session.outcomes, 'storage': storage_session.outcomes}


def record(name: str) -> None:
    """Run the session with that name and write its file."""
    libvirt.registerErrorHandler(lambda context, error: None, None)
    with libvirtd.RealLibvirtd() as real:
        write(name, SESSIONS[name](
            f'qemu+unix:///session?socket={real.path}', real.shared_directory()))


if __name__ == '__main__':
    record(sys.argv[1])
