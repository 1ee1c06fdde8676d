"""Records the answers of the real libvirtd to the conformance tests' session with filters.

    python -m tools.recording.libvirt_nwfilters URI

The URI is that of a libvirtd that runs as root in a network namespace of its own (``unshare
--net --mount``), with iptables, ebtables and the packaged network filters, so that nothing else
is changed. It writes ``tests/golden/libvirt/nwfilters.json``.
"""

from __future__ import annotations

import sys

import libvirt

from tests.conformance import nwfilter_session
from tools.recording.steps import write


def record(uri: str) -> None:
    """Run the session and write its file."""
    libvirt.registerErrorHandler(lambda context, error: None, None)
    write('nwfilters', nwfilter_session.outcomes(uri))


if __name__ == '__main__':
    record(*sys.argv[1:])
