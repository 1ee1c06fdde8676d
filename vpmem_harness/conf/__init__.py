"""Options of the harness: configuration files, environment variables and the command line."""

from vpmem_harness.conf.settings import (
    FILES_VARIABLE,
    GROUP,
    OPTIONS,
    RUNTIME_DIR_LIMIT,
    Settings,
    list_opts,
    load,
    report_unknown,
    unknown,
)
from vpmem_harness.conf.unknown_names import PREFIX

__all__ = [
    'FILES_VARIABLE',
    'GROUP',
    'OPTIONS',
    'PREFIX',
    'RUNTIME_DIR_LIMIT',
    'Settings',
    'list_opts',
    'load',
    'report_unknown',
    'unknown',
]
