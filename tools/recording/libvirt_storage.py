"""Records the answers of the real libvirtd to the conformance tests' session with storage.

    python -m tools.recording.libvirt_storage

It needs Debian's libvirt-daemon, libvirt-daemon-driver-qemu and qemu-utils. It starts an
unprivileged libvirtd on a private socket, works in a private directory and changes nothing else.
It writes ``tests/golden/libvirt/storage.json``.
"""

from __future__ import annotations

import json
import pathlib

import libvirt

from tests.conformance import libvirtd, storage_session

RECORDING = pathlib.Path(__file__).parents[2] / 'tests/golden/libvirt/storage.json'


def record() -> None:
    """Run the session and write the file with one step per line."""
    libvirt.registerErrorHandler(lambda context, error: None, None)
    with libvirtd.RealLibvirtd() as real:
        outcomes = storage_session.outcomes(
            f'qemu+unix:///session?socket={real.path}', real.shared_directory())
    RECORDING.write_text('{\n' + ',\n'.join(
        f'{json.dumps(step)}: {json.dumps(outcome)}' for step, outcome in outcomes.items())
        + '\n}\n')


if __name__ == '__main__':
    record()
