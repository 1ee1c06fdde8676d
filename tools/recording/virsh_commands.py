"""Records what virsh prints on the real libvirtd's QEMU driver.

    python -m tools.recording.virsh_commands [--release RELEASE] [SCRIPT...]

It works like ``libvirt_calls.py``, with the scripts of ``tests/conformance/commands.py``, and
writes the release's file in ``tests/golden/libvirt``.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import sys

import libvirt

from tests.conformance import commands, libvirtd


def record(scripts: list[str], recording: pathlib.Path) -> None:
    """Run the scripts and write the file with one script per line."""
    libvirt.registerErrorHandler(lambda context, error: None, None)
    old = json.loads(recording.read_text()) if recording.exists() else {}
    with libvirtd.RealLibvirtd() as real:
        virsh = commands.Commands(f'qemu+unix:///session?socket={real.path}')
        for script in scripts or commands.SCRIPTS:
            print(script, file=sys.stderr, flush=True)
            old[script] = virsh.run(script)
    recording.write_text('{\n' + ',\n'.join(
        f'{json.dumps(script)}: {json.dumps(old[script])}' for script in commands.SCRIPTS
        if script in old) + '\n}\n')


if __name__ == '__main__':
    parser = argparse.ArgumentParser()
    parser.add_argument('--release', choices=list(commands.RECORDINGS), default='debian12')
    parser.add_argument('scripts', nargs='*')
    given = parser.parse_args()
    record(given.scripts, commands.RECORDINGS[given.release])
