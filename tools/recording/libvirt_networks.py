"""Records the answers of the real libvirtd to the conformance tests' session with networks.

    python -m tools.recording.libvirt_networks URI

The URI is that of a libvirtd that runs as root in a network namespace of its own (``unshare
--net --mount``), with iptables and dnsmasq and without networks, so that nothing else is changed.
It writes ``tests/golden/libvirt/networks.json``.
"""

from __future__ import annotations

import json
import pathlib
import sys

import libvirt

from tests.conformance import network_session

RECORDING = pathlib.Path(__file__).parents[2] / 'tests/golden/libvirt/networks.json'


def record(uri: str) -> None:
    """Run the session and write the file with one step per line."""
    libvirt.registerErrorHandler(lambda context, error: None, None)
    outcomes = network_session.outcomes(uri)
    RECORDING.write_text('{\n' + ',\n'.join(
        f'{json.dumps(step)}: {json.dumps(outcome)}' for step, outcome in outcomes.items())
        + '\n}\n')


if __name__ == '__main__':
    record(sys.argv[1])
