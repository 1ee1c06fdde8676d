"""``vpmem-harness run``: run a command with simulated hosts."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from vpmem_harness import conf, safelog
from vpmem_harness.cli import foreground, signals
from vpmem_harness.cli.commands import Command
from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.host import processes
from vpmem_harness.host.files import check_path
from vpmem_harness.host.layout import runtime_directory
from vpmem_harness.host.machine import Host
from vpmem_harness.pmem.inventory import spec
from vpmem_harness.pmem.inventory.selection import choose
from vpmem_harness.randomness import Randomness
from vpmem_harness.releases import DEFAULT, RELEASES
from vpmem_harness.releases import choose as choose_release

#: Directory in which the kernel shows the real NVDIMMs of this machine.
REAL_NVDIMMS = Path('/sys/bus/nd/devices')

HOSTS_LIMIT = 1000


class Run(Command):
    """Run a command with simulated hosts.

    The first host's ndctl, daxctl and daxio are first on the command's PATH, and
    LIBVIRT_DEFAULT_URI names its libvirt. Each host has DIR/HOST/libvirt-sock and DIR/HOST/bin.
    When the command ends, the hosts and all processes that use them end as well. The exit status
    is that of the command. SIGTERM, SIGHUP, and SIGINT from another process are relayed to the
    command; if it still runs ten seconds later, it is killed.

    Use --dimm for raw DIMMs and --pmem for ready namespaces. Without them, the hosts have random
    namespaces, and the seed is printed on standard error.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument('--hosts', type=int, default=1, metavar='N',
                            help='number of hosts: host1, host2, ... (default: 1)')
        parser.add_argument('--dimm', action='append', dest='dimms',
                            metavar='[Nx]SIZE[,OPTION=VALUE]...',
                            help='an NVDIMM with a blank label area, of 2MiB unless area=SIZE is '
                                 'added, in each host, such as 32GiB,numa=1 or '
                                 '6x252GiB,interleave=a,target=2; can be repeated')
        parser.add_argument('--pmem', metavar='SPEC',
                            help='ready namespaces in each host: SMALL:2x4GiB,LARGE:1x16GiB')
        parser.add_argument('--profile', metavar='PROFILE',
                            help='profile of random inventories: plain, mixed, hostile, '
                                 'optane-2s or optane-4s')
        parser.add_argument('--release', metavar='RELEASE',
                            help=f'release of the hosts: {" or ".join(RELEASES)} '
                                 f'(default: {DEFAULT.name})')
        parser.add_argument('--seed', metavar='N', help='seed of all random values')
        parser.add_argument('--dir', metavar='DIR',
                            help='where the hosts have their directories, short enough for '
                                 'sockets; a temporary directory unless given')
        parser.add_argument('--file', action='append', default=[], dest='files',
                            metavar='PATH=SIZE',
                            help='a file that exists on the simulated hosts alone, for domains '
                                 'to name as backing; can be repeated')
        parser.add_argument('--mkdir', action='append', default=[], dest='directories',
                            metavar='PATH',
                            help='a directory that exists on the simulated hosts alone; '
                                 'can be repeated')
        parser.add_argument('--as-user', action='store_true',
                            help='ndctl, daxctl and daxio act without privileges, not as root; '
                                 'VPMEM_HARNESS_AS_USER=1 does it for one command')
        parser.add_argument('--beside-real-nvdimms', action='store_true',
                            help='run on a machine that has NVDIMMs of its own: a command that '
                                 'resets PATH would find the real ndctl')
        parser.add_argument('command', nargs=argparse.REMAINDER, metavar='-- COMMAND [ARGUMENT...]',
                            help='the command and its arguments')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        words = parsed_args.command[parsed_args.command[:1] == ['--']:]
        if not words:
            raise InvalidInputError('command', expected='a command to run', got='none',
                                    remedy='add it after --, as in: run --hosts 2 -- virsh list')
        if not parsed_args.beside_real_nvdimms:
            refuse_beside_real_nvdimms(REAL_NVDIMMS)
        # No signal interrupts the registration of a host or its removal.
        with signals.deferred(), hosts(parsed_args) as running:
            first = next(iter(running.values()))
            environment = {**first.env, processes.MARK: str(first.layout.root.parent)}
            environment['PATH'] = with_harness(environment['PATH'])
            return foreground.run(words, environment)


def with_harness(path: str) -> str:
    """Add the directory of ``vpmem-harness`` to PATH if it is missing."""
    scripts = sysconfig.get_path('scripts')
    if shutil.which('vpmem-harness', path=path) or not shutil.which('vpmem-harness', path=scripts):
        return path
    return f'{path}{os.pathsep}{scripts}'


def refuse_beside_real_nvdimms(devices: Path) -> None:
    """Raise InvalidInputError if the machine has real NVDIMMs."""
    if devices.is_dir() and any(devices.iterdir()):
        raise InvalidInputError(
            'this machine', expected='none with NVDIMMs of its own, which a command that resets '
            'PATH could reach', got=f'devices in {devices}',
            remedy='use another machine, or add --beside-real-nvdimms if the command is harmless')


@contextlib.contextmanager
def hosts(arguments: argparse.Namespace) -> Iterator[dict[str, Host]]:
    """Start the hosts of the command line for the duration of a ``with`` block."""
    if not 1 <= arguments.hosts <= HOSTS_LIMIT:
        raise InvalidInputError('--hosts', expected=f'a number from 1 to {HOSTS_LIMIT}',
                                got=str(arguments.hosts), remedy='use a number in this range')
    settings = conf.load(
        seed=arguments.seed, profile=arguments.profile, release=arguments.release)
    randomness = Randomness(settings.seed)
    if arguments.pmem is None and not arguments.dimms:
        print(f'vpmem-harness: these hosts are drawn from --seed {randomness.seed}',
              file=sys.stderr)
    files = dict(parse_file(text) for text in arguments.files)
    for path in arguments.directories:
        check_path(path, '--mkdir')
    running: dict[str, Host] = {}
    with contextlib.ExitStack() as acquired:
        directory = acquired.enter_context(run_directory(arguments.dir, settings.runtime_dir))
        audit = None
        if settings.audit_log is not None:
            audit = acquired.enter_context(safelog.shared_audit_log(settings.audit_log))
        for number in range(1, arguments.hosts + 1):
            signals.check()
            name = f'host{number}'
            own = randomness.derive('host', number)
            host = Host(
                name, choose(own, profile=settings.profile, pmem=arguments.pmem,
                             dimms=arguments.dimms),
                directory=directory, randomness=own, files=files,
                directories=arguments.directories, as_user=arguments.as_user, audit=audit,
                release=choose_release(settings.release))
            host.start()
            acquired.callback(host.stop)
            host.install_tools()
            running[name] = host
        for host in running.values():
            for other in running.values():
                host.introduce(other)
        # Remaining processes of the command would find the real ndctl after the hosts have ended.
        acquired.callback(processes.end_marked, str(directory))
        yield running


@contextlib.contextmanager
def run_directory(wanted: str | None, parent: str | None) -> Iterator[Path]:
    """Return the directory of the hosts; remove it at the end if it was created here."""
    if wanted is None:
        directory = runtime_directory(parent)
        try:
            yield directory
        finally:
            shutil.rmtree(directory, ignore_errors=True)
        return
    directory = Path(wanted).absolute()
    made = [path for path in (directory, *directory.parents) if not path.exists()]
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInputError('--dir', expected='a directory, or room for one', got=repr(wanted),
                                remedy=f'choose another ({error.strerror})') from error
    found = directory.stat()
    if found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise InvalidInputError(
            '--dir', expected='a directory of your own that nobody else may write to',
            got=f'mode {found.st_mode & 0o777:o}', remedy='choose another, or chmod go-w it: who '
            'can write to it can put another ndctl in its place')
    try:
        yield directory
    finally:
        with contextlib.suppress(OSError):
            for path in made:
                path.rmdir()  # it stays if the command has created files in it


def parse_file(text: str) -> tuple[str, int]:
    """Parse ``PATH=SIZE`` into path and bytes; raises InvalidInputError."""
    path, _, size = text.rpartition('=')
    check_path(path, '--file')
    return path, spec.parse_size(size, '--file')
