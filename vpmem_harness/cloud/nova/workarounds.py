"""Everything that stands between an installed Nova and a process of ours, each with its reason.

Allowed here: configuration, resets of module state, and the seams that Nova's own fixtures use for
the services around it. Nothing replaces a line of the driver, the compute manager, the resource
tracker or privsep.
"""

from __future__ import annotations

import gc
import importlib.metadata
import os
import sys
import tempfile
from typing import Any


def before_import() -> None:
    """Choose native threading before anything of Nova is imported.

    ``nova.monkey_patch`` refuses when eventlet has been imported already, and parses
    ``sys.argv`` for configuration files.
    """
    os.environ['OS_NOVA_DISABLE_EVENTLET_PATCHING'] = 'true'
    sys.argv = ['nova']
    from nova import monkey_patch
    monkey_patch.patch(backend='threading')


def after_import() -> None:
    """Do once what every process would do again after its fork."""
    import os_vif
    from nova import objects

    objects.register_all()
    # nova.cmd.compute does it; without it any NIC fails for want of os_vif.objects.network.
    os_vif.initialize()
    # A wheel has no ``$pybasedir/etc``.
    paste_configuration()


def paste_configuration() -> str:
    """The path of api-paste.ini, which a wheel installs outside of the package."""
    for file in importlib.metadata.files('nova') or ():
        if file.name == 'api-paste.ini':
            return os.path.realpath(str(file.locate()))
    raise FileNotFoundError('api-paste.ini of the installed nova')


def in_child(directory: str) -> None:
    """Settle what is global in a process that has just been forked."""
    tempfile.tempdir = directory
    # Worker threads hand the interpreter over sooner: a round trip between two threads waits
    # for this interval (seconds) when a third one computes.
    sys.setswitchinterval(0.0005)
    # The process is short-lived and what it inherits is frozen: fewer collections, 5 % less work.
    gc.set_threshold(50_000, 20, 100)


def pool_connections(engine: Any) -> None:
    """Keep connections to a database file open.

    oslo.db gives SQLite files no pool, and opening one anew for every transaction, which reads
    its whole schema, took a quarter of the control process's time.
    """
    import sqlalchemy.pool
    old = engine.pool
    if isinstance(old, sqlalchemy.pool.NullPool):
        engine.pool = sqlalchemy.pool.QueuePool(
            old._creator, pool_size=64, max_overflow=-1, dialect=engine.dialect,
            _dispatch=old.dispatch)


def run_limited_commands_without_a_python(stand_in: str) -> None:
    """Let oslo.concurrency start a shell script where it starts a Python to set limits.

    It does so for each ``qemu-img info``, five times in a boot, for a tenth of a second each.
    """
    os.environ['VPMEM_HARNESS_PYTHON'] = sys.executable
    sys.executable = stand_in


def run_privileged_calls_in_process() -> None:
    """Let privsep functions run in the caller's process: the host's tools act as root anyway."""
    import nova.privsep
    nova.privsep.sys_admin_pctxt.set_client_mode(False)


class TestCase:
    """What Nova's fixtures expect of the test that they are given."""

    def __init__(self, fixture: Any, conf: Any) -> None:
        self.useFixture = fixture.useFixture
        self._conf = conf

    def flags(self, group: str | None = None, **values: Any) -> None:
        """Override options."""
        for name, value in values.items():
            self._conf.set_override(name, value, group)

    def stub_out(self, old: str, new: Any) -> None:
        """Put something else in place of a name (the services around Nova)."""
        import fixtures
        self.useFixture(fixtures.MonkeyPatch(old, new))
