"""The properties of a host of a fleet.

:data:`HOST_OPTIONS` lists them. The options of the command line, the keys of ``--host`` and the
schema of fleet files come from it. To add a property, add a row here and a field to
:class:`~vpmem_harness.fleet.host_spec.HostSpec`, and use the field in its method ``make``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vpmem_harness import releases
from vpmem_harness.hardware import profiles


@dataclass(frozen=True)
class HostOption:
    """One property of a host.

    :param key: its name in a fleet file.
    :param option: the option of the command line without dashes; also the key in ``--host``.
    :param schema: the JSON schema of its value in a fleet file: a text, a number, a boolean, a
        list of texts, or an object of texts. The option of a list or an object can be repeated;
        an object's has the form ``KEY=VALUE``.
    :param default: the value if the option has none; None if the option needs a value.
    """

    key: str
    option: str
    schema: Mapping[str, Any]
    metavar: str
    help: str
    default: str | None = None

    @property
    def kind(self) -> str:
        """``string``, ``integer``, ``boolean``, ``array`` or ``object``."""
        return str(self.schema['type'])


_LOOPBACK = '127.0.0.1'
_TEXT = {'type': 'string', 'minLength': 1}

HOST_OPTIONS = (
    HostOption('dimms', 'dimm', {'type': 'array', 'items': _TEXT}, '[Nx]SIZE[,OPTION=VALUE]...',
               'an NVDIMM with a blank label area, of 2MiB unless area=SIZE is added, in each '
               'host, such as 32GiB,numa=1 or 6x252GiB,interleave=a,target=2; can be repeated'),
    HostOption('pmem', 'pmem', _TEXT, 'SPEC',
               'ready namespaces in each host: SMALL:2x4GiB,LARGE:1x16GiB'),
    HostOption('listing', 'listing', _TEXT, 'FILE',
               'make each host a copy: a file with the output of "ndctl list" on a host, with any '
               'options, or of the script from "inventory collect" (- is standard input)'),
    HostOption('profile', 'profile', _TEXT, 'PROFILE',
               'profile of random inventories: plain, mixed, hostile, optane-2s or optane-4s'),
    HostOption('hardware', 'hardware', _TEXT, 'PROFILE|FILE',
               f'hardware of the hosts: a YAML file (- is standard input), or one of '
               f'{", ".join(profiles.NAMES)}'),
    HostOption('release', 'release', _TEXT, 'RELEASE',
               f'release of the hosts: {" or ".join(releases.RELEASES)} '
               f'(default: {releases.DEFAULT.name})'),
    HostOption('files', 'file', {'type': 'object', 'additionalProperties': _TEXT}, 'PATH=SIZE',
               'a file that exists only on the simulated hosts, as backing for domains; can be '
               'repeated'),
    HostOption('directories', 'mkdir', {'type': 'array', 'items': _TEXT}, 'PATH',
               'a directory that exists only on the simulated hosts; can be repeated'),
    HostOption('split_daemons', 'split-daemons', {'type': 'boolean'}, '',
               'the hosts also have the sockets of virtqemud, virtnetworkd and so on, in '
               'DIR/HOST/libvirt'),
    HostOption('listen', 'listen', _TEXT, 'ADDRESS[:PORT]',
               'libvirt of the hosts also listens on TCP, without authentication (default: '
               '127.0.0.1 and a free port); {} in the address is 1 for the first host, 2 for '
               'the second, as in 127.0.1.{}:16509, where host 256 gets 127.0.2.0',
               default=_LOOPBACK),
    HostOption('listen_tls', 'listen-tls', _TEXT, 'ADDRESS[:PORT]',
               'like --listen, but with TLS; clients need a certificate', default=_LOOPBACK),
    HostOption('certificates', 'certificates', _TEXT, 'DIR',
               'certificates for TLS from "vpmem-harness certificates DIR" (default: each host '
               'makes its own in DIR/HOST/pki)'),
    HostOption('as_user', 'as-user', {'type': 'boolean'}, '',
               'ndctl, daxctl and daxio behave as if an unprivileged user runs them; '
               'VPMEM_HARNESS_AS_USER=1 does this for one command'),
    HostOption('first_region', 'first-region', {'type': 'integer', 'minimum': 0}, 'N',
               'number of the first region, the N in /dev/daxN.0 (default: each host of a fleet '
               'has other numbers)'),
)
