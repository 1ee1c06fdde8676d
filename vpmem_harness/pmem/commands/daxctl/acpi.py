"""daxctl's commands that do not concern devices: ``split-acpi`` and ``migrate-device-model``.

Follows daxctl 76's daxctl/acpi.c and daxctl/migrate.c.
"""

from __future__ import annotations

from vpmem_harness.pmem.commands.context import Context
from vpmem_harness.pmem.commands.options import Option, Options, text

MIGRATE = Options('daxctl migrate-device-model')
_CONFIGURATION = '/etc/modprobe.d/daxctl.conf'
SPLIT = Options(
    'daxctl split-acpi <options>',
    text('d', 'directory', 'path', 'Path to ACPI tables dumped by "acpixtract -a"'),
    Option('p', 'pxm', 'Proximity domain to split', 'number'),
    Option('n', 'nodes', 'Number of nodes to split capacity (default 2)', 'number'),
    Option('v', 'verbose', 'Enable verbose output'))


def migrate_device_model(context: Context) -> int:
    """``daxctl migrate-device-model``: it succeeds once."""
    transcript = context.transcript
    parsed = MIGRATE.parse(context.arguments, transcript)
    for word in parsed.arguments:
        transcript.error(f'unknown parameter "{word}"\n')
    if parsed.arguments:
        raise MIGRATE.fail(transcript)
    if not context.as_root:
        transcript.error(f'failed to install {_CONFIGURATION}: Permission denied\n')
        return 1
    if context.memory.has_migrated:
        transcript.error(f'failed to install {_CONFIGURATION}: File exists\n')
        return 1
    context.memory.has_migrated = True
    transcript.say(f' success: installed {_CONFIGURATION}')
    return 0


def split_acpi(context: Context) -> int:
    """``daxctl split-acpi``: the host has no dump of its ACPI tables."""
    transcript = context.transcript
    parsed = SPLIT.parse(context.arguments, transcript)
    for word in parsed.arguments:
        transcript.error(f'unknown parameter "{word}"\n')
    nodes = parsed.numbers.get('nodes', 2)
    if nodes < 2:
        transcript.error(f'--nodes={nodes}, must be greater than 2\n')
    if nodes & (nodes - 1) or not nodes:
        transcript.error(f'--nodes={nodes}, must be power of 2\n')
    if transcript.stderr:
        raise SPLIT.fail(transcript)
    transcript.error(f'failed to open required {parsed.text("directory") or "."}/nfit.dat\n')
    return 1
