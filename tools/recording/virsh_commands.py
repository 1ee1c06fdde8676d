"""Records what virsh prints on the real libvirtd's QEMU driver.

    python -m tools.recording.virsh_commands [SCRIPT...]

It works like ``libvirt_calls.py``, with the scripts of ``tests/conformance/commands.py``, and
writes ``tests/golden/libvirt/virsh-qemu.json``.
"""

from __future__ import annotations

import json
import pathlib
import sys

import libvirt

from tests.conformance import commands, libvirtd

RECORDING = pathlib.Path(__file__).parents[2] / 'tests/golden/libvirt/virsh-qemu.json'


def record(scripts: list[str]) -> None:
    """Run the scripts and write the file with one script per line."""
    libvirt.registerErrorHandler(lambda context, error: None, None)
    old = json.loads(RECORDING.read_text()) if RECORDING.exists() else {}
    with libvirtd.RealLibvirtd() as real:
        virsh = commands.Commands(f'qemu+unix:///session?socket={real.path}')
        for script in scripts or commands.SCRIPTS:
            print(script, file=sys.stderr, flush=True)
            old[script] = virsh.run(script)
    RECORDING.write_text('{\n' + ',\n'.join(
        f'{json.dumps(script)}: {json.dumps(old[script])}' for script in commands.SCRIPTS
        if script in old) + '\n}\n')


if __name__ == '__main__':
    record(sys.argv[1:])
