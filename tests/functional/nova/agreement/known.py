"""Where Nova is known to differ from what it means to do: findings, each with what it explains.

A difference is explained to the letter, in the step in which it arises, and then made good on
Nova's side, as an operator would who knew of it: nothing else can hide behind it later.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.functional.nova.agreement.side import Look, Side
from tests.functional.nova.agreement.steps import Step


@dataclass
class Case:
    """A step, and what was seen before and after it; differences are taken out as explained."""

    side: Side
    step: Step
    before: Look
    nova: Look
    stub: Look

    @property
    def server(self) -> str:
        return f'server {self.step.options.get("server")}'

    def was(self, fact: str) -> object:
        """What a fact about the step's server was before it."""
        return self.before.get(f'{self.server}: {fact}')

    def names(self, fact: str) -> Sequence[str]:
        """A fact about the step's server that is a list of namespaces."""
        names = self.was(fact)
        return names if isinstance(names, list) else ()

    def take_out(self, fact: str, nova: object, stub: object) -> bool:
        """Whether a fact is this on Nova's side and that on the stub's: it counts as equal then."""
        if (self.nova.get(fact), self.stub.get(fact)) != (nova, stub) or nova == stub:
            return False
        self.nova[fact] = stub
        return True


def _power_on_wipes(case: Case) -> bool:
    on = case.step.verb in ('start', 'hard-reboot') or (
        case.step.verb == 'unshelve' and case.was('status') == 'SHELVED')
    if not on:
        return False
    host = case.was('host')
    wiped = [name for name in case.names('namespaces')
             if case.take_out(f'host {host}: {name} was wiped', True, False)]
    return bool(wiped)


def _confirm_keeps_data(case: Case) -> bool:
    if case.was('status') != 'VERIFY_RESIZE' or case.step.verb not in ('confirm', 'delete'):
        return False
    moves = case.was('moves')
    assert isinstance(moves, list)
    source = moves[-1][2]
    found = False
    for name in case.names('old namespaces'):
        fact = f'host {source}: {name} was '
        if case.take_out(fact + 'wiped', False, True):
            found = True
            case.take_out(fact + 'written by', case.before[fact + 'written by'], [])
            host = case.side.hosts[source]
            for namespace in host.namespaces:
                if namespace.name == name and namespace.path is not None:
                    host.pmem.zero(namespace.path)
    return found


def _claims_outlive_server(case: Case) -> bool:
    if case.step.verb not in ('delete', 'shelve', 'shelve-offload'):
        return False
    host = case.was('host')
    outlived = [name for name in case.names('namespaces')
                if case.take_out(f'host {host}: {name} is claimed for', '', None)]
    if outlived:
        assert isinstance(host, int)
        case.side.cloud.compute(case.side.names[host]).run_periodic_tasks()
        claims = case.side.cloud.compute(case.side.names[host]).assigned_namespaces
        for name in outlived:
            case.nova[f'host {host}: {name} is claimed for'] = claims.get(name)
    return bool(outlived)


@dataclass(frozen=True)
class Known:
    """Something that is known, with what makes it good."""

    name: str
    reason: str
    explains: Callable[[Case], bool]


KNOWN = (
    Known('start-wipes, hard-reboot-wipes',
          'to power a server on is to destroy it first, and that wipes; the data are written anew',
          _power_on_wipes),
    Known('confirm-keeps-data',
          'the namespaces of the old flavor are never wiped; wiped here for what comes next',
          _confirm_keeps_data),
    Known('claims-outlive-server',
          'the tracker frees only what it tracks as its own; until the next audit, made here',
          _claims_outlive_server),
)


def explain(side: Side, step: Step, before: Look, nova: Look, stub: Look) -> list[str]:
    """Take what is known out of the differences; the names of what was met."""
    case = Case(side, step, before, nova, stub)
    return [known.name for known in KNOWN if known.explains(case)]
