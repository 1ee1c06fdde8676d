"""libvirt's remote protocol: bytes in, messages out, no I/O."""
