"""A mount namespace in which ``qemu:///system`` is a simulated host."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Sequence
from typing import Final

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.host.machine import Host

#: The directory of libvirt's sockets; clients have its path built in.
DIRECTORY: Final = '/run/libvirt'


def in_namespace(words: Sequence[str], host: Host, directory: str = DIRECTORY) -> list[str]:
    """Return a command that runs another one where libvirt's sockets are those of a host.

    It needs no privileges: a user namespace allows the mount, and nothing outside changes.

    :raises InvalidInputError: when this machine lacks what it needs.
    """
    for needed, present, remedy in (
            ('the program unshare', shutil.which('unshare'), 'install util-linux'),
            (f'the directory {directory}', os.path.isdir(directory),
             f'make it as root: mkdir {directory}')):
        if not present:
            raise InvalidInputError('--system-socket', expected=needed, got='none', remedy=remedy)
    sockets = [host.socket_path]
    if host.layout.split.is_dir():
        sockets += sorted(host.layout.split.iterdir())
    place = shlex.quote(directory)
    script = (f'mount -t tmpfs none {place} && '
              f'ln -s {shlex.join(map(str, sockets))} {place} && exec "$@"')
    return ['unshare', '--map-current-user', '--keep-caps', '--mount', '--', 'sh', '-c', script,
            'sh', *words]
