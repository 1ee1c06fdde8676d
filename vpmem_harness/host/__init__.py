"""One simulated machine: its persistent memory, its hypervisor, its tools, its directories."""
