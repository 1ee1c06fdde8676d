"""The host as libvirt reports it: capabilities, CPU models, node devices."""
