"""Records the answers of the real libvirtd's QEMU driver to the conformance tests' calls.

    python -m tools.recording.libvirt_calls [SCENARIO...]

It needs Debian's libvirt-daemon, libvirt-daemon-driver-qemu and qemu-system-x86; emulation is
sufficient. It starts an unprivileged libvirtd on a private socket and changes nothing else. It
writes ``tests/golden/libvirt/calls-qemu.json``; if you name scenarios, it replaces only those in
the file. A complete recording takes some minutes.
"""

from __future__ import annotations

import json
import pathlib
import sys

import libvirt

from tests.conformance import calls, libvirtd

RECORDING = pathlib.Path(__file__).parents[2] / 'tests/golden/libvirt/calls-qemu.json'


def record(names: list[str]) -> None:
    """Run the scenarios and write the file with one step per line."""
    libvirt.registerErrorHandler(lambda context, error: None, None)
    recorded = json.loads(RECORDING.read_text()) if RECORDING.exists() and names else {}
    with libvirtd.RealLibvirtd() as real:
        uri = f'qemu+unix:///session?socket={real.path}'
        for name in names or calls.SCENARIOS:
            print(name, file=sys.stderr, flush=True)
            recorded[name] = calls.outcomes(name, uri)
    RECORDING.write_text('{\n' + ',\n'.join(
        f'{json.dumps(name)}: {{\n' + ',\n'.join(
            f'  {json.dumps(step)}: {json.dumps(outcome)}' for step, outcome in steps.items())
        + '\n}' for name, steps in recorded.items()) + '\n}\n')


if __name__ == '__main__':
    record(sys.argv[1:])
