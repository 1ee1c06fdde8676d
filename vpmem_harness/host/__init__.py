"""One simulated machine: persistent memory, hypervisor, tools and directories."""
