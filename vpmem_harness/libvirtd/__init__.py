"""The simulated libvirt daemon."""
