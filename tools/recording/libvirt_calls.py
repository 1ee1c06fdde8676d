"""Records the answers of the real libvirtd's QEMU driver to the conformance tests' calls.

    python -m tools.recording.libvirt_calls [--release RELEASE] [SCENARIO...]

It needs Debian's libvirt-daemon, libvirt-daemon-driver-qemu and qemu-system-x86; emulation is
sufficient. It starts an unprivileged libvirtd on a private socket and changes nothing else. It
writes the release's file in ``tests/golden/libvirt``; if you name scenarios, it replaces only those
in the file. A complete recording takes some minutes. LIBVIRT_ROOT names the directory of another
Debian whose libvirtd is to run.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import sys

import libvirt

from tests.conformance import calls, libvirtd
from tests.conformance.calls import recorded as recordings


def record(names: list[str], recording: pathlib.Path) -> None:
    """Run the scenarios and write the file with one step per line."""
    libvirt.registerErrorHandler(lambda context, error: None, None)
    recorded = json.loads(recording.read_text()) if recording.exists() and names else {}
    with libvirtd.RealLibvirtd() as real:
        uri = f'qemu+unix:///session?socket={real.path}'
        for name in names or calls.SCENARIOS:
            print(name, file=sys.stderr, flush=True)
            recorded[name] = calls.outcomes(name, uri)
    recording.write_text('{\n' + ',\n'.join(
        f'{json.dumps(name)}: {{\n' + ',\n'.join(
            f'  {json.dumps(step)}: {json.dumps(outcome)}' for step, outcome in steps.items())
        + '\n}' for name, steps in recorded.items()) + '\n}\n')


if __name__ == '__main__':
    parser = argparse.ArgumentParser()
    parser.add_argument('--release', choices=list(recordings.FILES), default='debian12')
    parser.add_argument('scenarios', nargs='*')
    given = parser.parse_args()
    record(given.scenarios, recordings.FILES[given.release])
