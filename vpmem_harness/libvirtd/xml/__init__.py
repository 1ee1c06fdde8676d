"""XML documents of libvirt: parse, complete, validate, format."""
