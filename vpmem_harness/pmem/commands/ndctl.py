"""ndctl: the program and its commands."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from vpmem_harness.pmem.commands import create, dimm, listing, namespace, region
from vpmem_harness.pmem.commands.context import Context, Program
from vpmem_harness.pmem.commands.files import Files
from vpmem_harness.pmem.commands.results import CommandResult
from vpmem_harness.pmem.machine import PersistentMemory

PROGRAM = Program(
    'ndctl',
    known=(
        'version', 'enable-namespace', 'disable-namespace', 'create-namespace',
        'destroy-namespace', 'read-infoblock', 'write-infoblock', 'check-namespace',
        'clear-errors', 'enable-region', 'disable-region', 'enable-dimm', 'disable-dimm',
        'zero-labels', 'read-labels', 'write-labels', 'init-labels', 'check-labels',
        'inject-error', 'update-firmware', 'inject-smart', 'wait-scrub', 'activate-firmware',
        'start-scrub', 'setup-passphrase', 'update-passphrase', 'remove-passphrase',
        'freeze-security', 'sanitize-dimm', 'load-keys', 'wait-overwrite', 'list', 'monitor',
        'help'),
    commands={
        'list': listing.list_all,
        'create-namespace': create.create_namespace,
        'destroy-namespace': namespace.destroy,
        'enable-namespace': namespace.enable,
        'disable-namespace': namespace.disable,
        'enable-region': region.enable,
        'disable-region': region.disable,
        'init-labels': dimm.init_labels,
        'zero-labels': dimm.zero_labels,
        'read-labels': dimm.read_labels,
        'check-labels': dimm.check_labels,
    })


def run(memory: PersistentMemory, arguments: Sequence[str], files: Files, directory: str, *,
        as_root: bool = True, in_use: Collection[str] = (),
        terminal: bool = False) -> CommandResult:
    """Runs ndctl on ``memory``."""
    return PROGRAM.run(Context(memory, list(arguments), as_root, in_use, terminal, files,
                               directory))
