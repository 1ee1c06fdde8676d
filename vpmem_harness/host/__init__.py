"""One simulated machine: persistent memory, hypervisor, tools and directories."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vpmem_harness.libvirtd.hypervisor.domain.guest_agent import (
        GuestAgent,
        GuestFilesystem,
        GuestUser,
    )

__all__ = ['GuestAgent', 'GuestFilesystem', 'GuestUser']


def __getattr__(name: str) -> Any:
    """Import the guest agent when it is used: commands need other modules of this package only."""
    if name not in __all__:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    from vpmem_harness.libvirtd.hypervisor.domain import guest_agent

    return getattr(guest_agent, name)
