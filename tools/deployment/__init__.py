"""A reference deployment of OpenStack on simulated hosts: ``./dev fleet``."""
