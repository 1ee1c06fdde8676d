"""``vpmem-harness nova-conf``: configuration files for nova-computes on a fleet."""

from __future__ import annotations

import argparse
from pathlib import Path

from vpmem_harness.cli.commands import Command
from vpmem_harness.cli.fleet import options
from vpmem_harness.cli.fleet.show import only
from vpmem_harness.fleet import nova_conf, service_files


class NovaConf(Command):
    """Write a nova.conf for each host of a fleet, for ordinary nova-computes.

    DIR/HOST/nova.conf has the options that differ from other computes: the libvirt of the host, its
    pmem_namespaces, a privsep helper without sudo, short timeouts, and one instances_path for all
    hosts. DIR/HOST/env has the environment, in the form of systemd's EnvironmentFile. DIR/bin has
    programs that replace ssh, sudo, qemu-img, mkfs, mkswap and e2label. With --services, DIR also
    has what starts all nova-computes, and with --ssh-port an sshd_config with the address of each
    host.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument('directory', metavar='DIR', help='the directory to write to')
        parser.add_argument('host', nargs='?', metavar='HOST', help='one host only')
        parser.add_argument('--services', choices=service_files.MANAGERS, help='also write '
                            'supervisor.conf, or a systemd template and target')
        parser.add_argument('--common', metavar='FILE', type=Path, default=nova_conf.COMMON,
                            help='the options that all services of the cloud share, for --services '
                            '(default: %(default)s)')
        parser.add_argument('--ssh-port', metavar='PORT', type=int, help='also write an '
                            'sshd_config that listens on this port of each host\'s address')
        options.add_client_options(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        with options.connected(parsed_args) as client:
            state = client.state()
        if parsed_args.host is not None:
            state = only(state, parsed_args.host)
        directory = Path(parsed_args.directory)
        for file in (*nova_conf.write(state.hosts, directory),
                     *nova_conf.write_services(
                         state.hosts, directory, manager=parsed_args.services,
                         common=parsed_args.common, ssh_port=parsed_args.ssh_port)):
            print(file)
        return 0
