"""Records the answers of the real libvirtd to the conformance tests' session with saved guests.

    python -m tools.recording.libvirt_saving

It needs Debian's libvirt-daemon, libvirt-daemon-driver-qemu and qemu-system-x86. It starts an
unprivileged libvirtd on a private socket, works in a private directory and changes nothing else.
It writes ``tests/golden/libvirt/saving.json``.
"""

from __future__ import annotations

import json
import pathlib

import libvirt

from tests.conformance import libvirtd, saving_session

RECORDING = pathlib.Path(__file__).parents[2] / 'tests/golden/libvirt/saving.json'


def record() -> None:
    """Run the session and write the file with one step per line."""
    libvirt.registerErrorHandler(lambda context, error: None, None)
    with libvirtd.RealLibvirtd() as real:
        outcomes = saving_session.outcomes(
            f'qemu+unix:///session?socket={real.path}', real.shared_directory())
    RECORDING.write_text('{\n' + ',\n'.join(
        f'{json.dumps(step)}: {json.dumps(outcome)}' for step, outcome in outcomes.items())
        + '\n}\n')


if __name__ == '__main__':
    record()
