"""Records the answers of the real libvirtd to the conformance tests' session with image locks.

    python -m tools.recording.libvirt_image_locks URI

The URI is that of a libvirtd with QEMU whose files this process can see and change. It writes
``tests/golden/libvirt/image-locks.json``.
"""

from __future__ import annotations

import sys
import tempfile

import libvirt

from tests.conformance import image_lock_session
from tools.recording.steps import write


def record(uri: str) -> None:
    """Run the session and write its file."""
    libvirt.registerErrorHandler(lambda context, error: None, None)
    with tempfile.TemporaryDirectory() as directory:
        write('image-locks', image_lock_session.outcomes(uri, directory))


if __name__ == '__main__':
    record(*sys.argv[1:])
