"""Records the answers of the real libvirtd to the conformance tests' session with networks.

    python -m tools.recording.libvirt_networks URI [debian13]

The URI is that of a libvirtd that runs as root in a network namespace of its own (``unshare
--net --mount``), with iptables and dnsmasq and without networks, so that nothing else is changed.
It writes ``tests/golden/libvirt/networks.json``, or for Debian 13
``debian13/libvirt-11.3-networks.json`` there.
"""

from __future__ import annotations

import sys

import libvirt

from tests.conformance import network_session
from tools.recording.steps import write


def record(uri: str, release: str = 'debian12') -> None:
    """Run the session and write its file."""
    libvirt.registerErrorHandler(lambda context, error: None, None)
    write('networks' if release == 'debian12' else 'debian13/libvirt-11.3-networks',
          network_session.outcomes(uri))


if __name__ == '__main__':
    record(*sys.argv[1:])
