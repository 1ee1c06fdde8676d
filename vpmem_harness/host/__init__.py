"""One simulated machine: persistent memory, hypervisor, tools and directories."""

from vpmem_harness.libvirtd.hypervisor.domain.guest_agent import (
    GuestAgent,
    GuestFilesystem,
    GuestUser,
)

__all__ = ['GuestAgent', 'GuestFilesystem', 'GuestUser']
