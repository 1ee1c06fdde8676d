"""What a test drives: a compute service to boot, resize and break servers on."""
