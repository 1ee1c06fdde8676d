"""The state of a hypervisor and the rules that change it; not one byte of XDR."""
