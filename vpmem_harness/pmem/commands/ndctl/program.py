"""ndctl: the program and its commands."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from vpmem_harness.pmem.commands.context import Context, Program
from vpmem_harness.pmem.commands.files import Files
from vpmem_harness.pmem.commands.ndctl import (
    bus,
    check,
    create,
    dimm,
    features,
    infoblock,
    labels,
    listing,
    media_errors,
    namespace,
    region,
)
from vpmem_harness.pmem.commands.results import CommandResult
from vpmem_harness.pmem.kernel.media import EMPTY, Contents
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
        'check-namespace': check.check_namespace,
        'read-infoblock': infoblock.read_infoblock,
        'write-infoblock': infoblock.write_infoblock,
        'inject-error': media_errors.inject_error,
        'clear-errors': media_errors.clear_errors,
        'start-scrub': bus.start_scrub,
        'wait-scrub': bus.wait_scrub,
        'activate-firmware': bus.activate_firmware,
        'enable-region': region.enable,
        'disable-region': region.disable,
        'enable-dimm': dimm.enable,
        'disable-dimm': dimm.disable,
        'init-labels': labels.init_labels,
        'zero-labels': labels.zero_labels,
        'read-labels': labels.read_labels,
        'write-labels': labels.write_labels,
        'check-labels': labels.check_labels,
        'update-firmware': features.update_firmware,
        'setup-passphrase': features.setup_passphrase,
        'update-passphrase': features.update_passphrase,
        'remove-passphrase': features.remove_passphrase,
        'freeze-security': features.freeze_security,
        'sanitize-dimm': features.sanitize_dimm,
        'wait-overwrite': features.wait_overwrite,
        'load-keys': features.load_keys,
        'inject-smart': features.inject_smart,
        'monitor': features.monitor,
    })


def run(memory: PersistentMemory, arguments: Sequence[str], files: Files, directory: str, *,
        as_root: bool = True, in_use: Collection[str] = (),
        terminal: bool = False, stdin: Contents | None = EMPTY) -> CommandResult:
    """Runs ndctl on ``memory``."""
    return PROGRAM.run(Context(memory, list(arguments), as_root, in_use, terminal, files,
                               directory, stdin))
