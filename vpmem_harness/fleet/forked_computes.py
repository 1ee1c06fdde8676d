"""Ordinary nova-computes that one parent forks after it has imported Nova.

Run it as a program: it imports Nova before anything reads a configuration, as nova-compute does.
Nova is not changed. Each process runs the main function of nova-compute, with the configuration
files and the environment of its host.
"""

from __future__ import annotations

import functools
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.fleet.process_parent import ProcessParent, Program


def hosts(directory: Path, names: Sequence[str] = ()) -> list[Path]:
    """Return the directories of hosts that ``nova-conf`` has written, or those with these names.

    :raises InvalidInputError: when there are none, or when one has no files.
    """
    found = sorted(file.parent for file in directory.absolute().glob('*/nova.conf'))
    by_name = {own.name: own for own in found}
    missing = [name for name in names if name not in by_name]
    if missing or not found:
        raise InvalidInputError(
            'HOST' if missing else 'DIR', expected='hosts whose nova.conf is in DIR/HOST',
            got=f'{", ".join(missing) or "none"} in {str(directory)!r}',
            remedy="write the files with 'vpmem-harness nova-conf DIR'")
    return [by_name[name] for name in names] if names else found


def command(common: Path, interval: float, directories: Sequence[Path]) -> list[str]:
    """Return the command of the parent.

    :param common: the configuration file that all services of the cloud share.
    :param interval: seconds between the starts of two computes.
    :param directories: the directories of the hosts.
    """
    return [sys.executable, '-m', 'vpmem_harness.fleet.forked_computes', str(common.absolute()),
            str(interval), *map(str, directories)]


def main(words: Sequence[str]) -> int:
    """Run the parent with the arguments of :func:`command`, and return its exit status."""
    common, interval, *directories = words
    compute = shutil.which('nova-compute', path=os.path.dirname(sys.executable)) or 'nova-compute'
    # nova.monkey_patch reads the backend from the configuration files of the command line.
    sys.argv = [compute, '--config-file', common]
    nova_compute = _import_nova()
    programs = {}
    for own in map(Path, directories):
        arguments = [*sys.argv, '--config-file', str(own / 'nova.conf')]
        programs[own.name] = Program(
            functools.partial(_compute, nova_compute, arguments, own),
            own / 'nova-compute.log')
    return ProcessParent(programs, float(interval)).run()


def _import_nova() -> Any:
    """Import all that computes need, and return the module of nova-compute's main function."""
    from nova import monkey_patch
    from nova.cmd import compute

    if monkey_patch.is_patched():
        raise SystemExit('eventlet does not survive a fork: set concurrency_backend=threading in '
                         'the shared configuration, or OS_NOVA_DISABLE_EVENTLET_PATCHING=true')
    # What nova-compute imports after its start: its manager and driver, RabbitMQ's transport, and
    # the clients of other services.
    import nova.compute.manager
    import nova.virt.fake
    import nova.virt.libvirt.driver  # noqa: F401
    import os_vif
    import oslo_messaging._drivers.impl_rabbit  # noqa: F401
    from nova import objects

    objects.register_all()
    # Loads the plug-ins; a second call changes nothing.
    os_vif.initialize()
    return compute


def _compute(module: Any, arguments: list[str], own: Path) -> int:
    """Run the nova-compute of a host in this process, and return its exit status."""
    lines = (own / 'env').read_text().splitlines()
    os.environ.update(dict(line.split('=', 1) for line in lines))
    sys.argv = arguments
    _start_privsep(arguments)
    _set_title(arguments)
    module.main()
    return 0


def _start_privsep(arguments: list[str]) -> None:
    """Fork the privsep daemon, if this process has the privileges that it needs.

    Otherwise nova-compute starts it with ``helper_command``, as a process that imports all it
    needs. oslo.privsep has both ways.
    """
    if os.getuid():
        return
    import nova.conf
    import nova.privsep
    from oslo_privsep import priv_context

    _set_title(['privsep-helper', *arguments[1:]])
    nova.conf.CONF(arguments[1:], project='nova')
    nova.privsep.sys_admin_pctxt.start(priv_context.Method.FORK)
    # nova-compute registers more options before it parses its command line.
    nova.conf.CONF.clear()


def _set_title(words: Sequence[str]) -> None:
    """Show the command line of an ordinary process in place of the parent's."""
    import setproctitle

    setproctitle.setproctitle(' '.join(words))


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
