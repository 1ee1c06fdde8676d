"""libvirt's remote protocol, without I/O: bytes in, messages out."""
