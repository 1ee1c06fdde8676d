"""Files that start the nova-computes of a fleet, and sshd, on one machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.fleet.snapshot import HostState

#: What can start the nova-computes.
MANAGERS = ('supervisor', 'systemd')

_PROGRAM = """\
[program:nova-compute-{name}]
command = {command}
environment = {environment}
stopsignal = TERM
stopwaitsecs = {wait}
redirect_stderr = true
stdout_logfile = {log}

"""

_UNIT = """\
# Copy this file and nova-computes.target to /etc/systemd/system, or to ~/.config/systemd/user.
[Unit]
Description=nova-compute of the simulated host %i
PartOf=nova-computes.target

[Service]
EnvironmentFile={directory}/%i/env
ExecStart=/usr/bin/env nova-compute --config-file {common} --config-file {directory}/%i/nova.conf
TimeoutStopSec={wait}
"""

_TARGET = """\
[Unit]
Description=nova-computes of simulated hosts
Wants={units}
"""

_SSHD = """\
# Make a key first:  ssh-keygen -q -t ed25519 -N '' -f {key}
# Then start it with:  $(command -v sshd) -D -f {file}
# Everybody who can log in as its user can log in to each host. The address selects the host.
HostKey {key}
PidFile {pid}
Subsystem sftp internal-sftp
PasswordAuthentication no
KbdInteractiveAuthentication no
"""


def write_supervisor(hosts: Iterable[HostState], directory: Path, common: Path, wait: int,
                     environments: Mapping[str, Mapping[str, str]]) -> Path:
    """Write ``supervisor.conf`` with a program for each nova-compute, and return its path.

    :param common: the configuration file that all services of the cloud share.
    :param wait: seconds that a nova-compute may take to stop.
    :param environments: the environment variables by host.
    """
    programs = [_PROGRAM.format(
        name=host.name, wait=wait, log=_escaped(str(directory / host.name / 'nova-compute.log')),
        command=_escaped(f'nova-compute --config-file {common} '
                         f'--config-file {directory / host.name / "nova.conf"}'),
        environment=','.join(f'{name}="{_escaped(value)}"'
                             for name, value in environments[host.name].items()))
        for host in hosts]
    return _write(directory / 'supervisor.conf', ''.join(programs))


def write_systemd(hosts: Iterable[HostState], directory: Path, common: Path, wait: int) -> Path:
    """Write a template unit and a target that wants all nova-computes; return its path."""
    _write(directory / 'nova-compute@.service',
           _UNIT.format(directory=directory, common=common, wait=wait))
    units = ' '.join(f'nova-compute@{host.name}.service' for host in hosts)
    return _write(directory / 'nova-computes.target', _TARGET.format(units=units))


def write_sshd(hosts: Iterable[HostState], directory: Path, port: int,
               environments: Mapping[str, Mapping[str, str]]) -> Path:
    """Write ``sshd_config``, which gives each address the environment of its host.

    :raises InvalidInputError: when a host has no address, or two have the same one.
    """
    file = directory / 'sshd_config'
    names: dict[str, str] = {}
    for host in hosts:
        if host.address is None or host.address in names:
            raise InvalidInputError(
                'addresses for sshd', expected='a different address for each host',
                got=f'none for {host.name}' if host.address is None else
                f'{host.address} for {names[host.address]} and {host.name}',
                remedy="start the fleet with --listen '127.0.0.{}:16509'")
        names[host.address] = host.name
    text = _SSHD.format(key=directory / 'ssh_host_key', pid=directory / 'sshd.pid', file=file)
    for address in names:
        shown = f'[{address}]' if ':' in address else address
        text += f'ListenAddress {shown}:{port}\n'
    for address, name in names.items():
        values = ' '.join(f'"{key}={value}"' for key, value in environments[name].items())
        text += f'\nMatch LocalAddress {address}\n    SetEnv {values}\n'
    return _write(file, text)


def _escaped(text: str) -> str:
    """Return a text as supervisor reads it, which expands percent signs."""
    return text.replace('%', '%%')


def _write(file: Path, text: str) -> Path:
    file.write_text(text)
    return file
