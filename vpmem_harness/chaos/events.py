"""Events of a host or its services, by their verbs in a script."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

# For annotations only: the runner calls the events.
if TYPE_CHECKING:
    from vpmem_harness.chaos.runner import Runner


def kill(runner: Runner, number: int) -> None:
    """Kill the compute service of a host."""
    runner.compute(number).kill()
    runner.release(number, command=True)


def stop_service(runner: Runner, number: int) -> None:
    """Stop the compute service of a host, unless something hangs."""
    if not runner.hanging():
        runner.compute(number).stop()


def start_service(runner: Runner, number: int) -> None:
    """Start the compute service of a host."""
    compute = runner.compute(number)
    if compute.is_up:
        return
    # First release what the previous run requested from libvirtd. Otherwise a guest could leave
    # after the new run has aborted its move.
    runner.release(number, command=False)
    runner.settle()
    compute.start()


def restart_service(runner: Runner, number: int) -> None:
    """Restart the compute service of a host, unless something hangs."""
    if not runner.hanging():
        runner.compute(number).restart()


def restart_machine(runner: Runner, number: int) -> None:
    """Restart a host.

    A guest that is about to come has a definition with the host's present devices, which have other
    names after the restart. A real machine is down for longer than a guest needs to come.
    """
    runner.compute(number).kill()
    runner.release_hangs()
    runner.settle()
    runner.hosts[number].reboot()
    runner.compute(number).start()


def restart_daemon(runner: Runner, number: int) -> None:
    """Kill and start libvirtd; guests keep running."""
    _kill_daemon(runner, number)
    runner.hosts[number].faults.start_daemon()


def lose_domains(runner: Runner, number: int) -> None:
    """Kill and start libvirtd; running guests are lost."""
    _kill_daemon(runner, number)
    runner.hosts[number].faults.start_daemon(domains=False)


def _kill_daemon(runner: Runner, number: int) -> None:
    runner.hosts[number].faults.kill_daemon()
    runner.release(number, command=False)


def bad(runner: Runner, number: int) -> None:
    """Damage the media of the first namespace of a host."""
    host = runner.hosts[number]
    host.faults.bad(host.namespaces[0].dev)


def look(runner: Runner, number: int) -> None:
    """Run the periodic tasks of a compute service."""
    if not runner.hanging():     # a periodic task waits for other work on the same server
        runner.cloud.backend.run_periodic_tasks(runner.hosts[number].name)


def release_all(runner: Runner, _number: int) -> None:
    """Release what hangs, on all hosts."""
    runner.release_hangs()


#: Each function gets the runner and the number of a host.
EVENTS: Mapping[str, Callable[[Runner, int], None]] = {
    'kill': kill,
    'stop-service': stop_service,
    'start-service': start_service,
    'restart-service': restart_service,
    'restart-machine': restart_machine,
    'restart-daemon': restart_daemon,
    'lose-domains': lose_domains,
    'bad': bad,
    'look': look,
    'release': release_all,
}
