"""Running clouds that tests on Nova use one after the other.

The start of a cloud and its first boot cost more on Nova than most tests. Therefore the tests of a
worker process share running clouds there, each reset after every test. On the stub a cloud costs
milliseconds, and each test has its own, under the check that it leaves nothing behind.
"""

from __future__ import annotations

import atexit
import contextlib
from collections import OrderedDict
from typing import Any

from tests import base
from vpmem_harness import conf
from vpmem_harness.cloud.reset import ResetError
from vpmem_harness.fixtures import CloudFixture, SharedCloud

#: The number of clouds that run at a time; the one used least recently ends first.
LIMIT = 3

_clouds: OrderedDict[tuple[object, ...], _Cloud] = OrderedDict()


class _Cloud(SharedCloud):

    def restore(self) -> None:
        """Reset the cloud, or end it if that fails.

        A test that shows a defect of Nova can leave what no reset removes.
        """
        with contextlib.suppress(ResetError):
            super().restore()


class CloudTestCase(base.VPMEMTestCase):
    """A test on a cloud of :meth:`start_cloud`.

    A test that changes what a reset does not restore, such as files of a host, needs a
    CloudFixture of its own.
    """

    #: The shared clouds outlive the test, and start threads when they need them.
    leaves_nothing = conf.load(command_line=False).backend != 'nova'

    cloud: CloudFixture

    def start_cloud(self, hosts: int = 1, pmem: str | None = None, **options: Any) -> CloudFixture:
        """Return a cloud that is like new; arguments are those of CloudFixture."""
        if self.leaves_nothing:
            self.cloud = self.useFixture(CloudFixture(hosts, pmem, **options))
        else:
            self.cloud = self.useFixture(_shared(hosts, pmem, **options)).cloud
        return self.cloud


def _shared(hosts: int, pmem: str | None, **options: Any) -> _Cloud:
    key = hosts, pmem, *sorted(options.items())
    if key not in _clouds:
        # Registered after the end of the parent of Nova's processes, and so called before it.
        atexit.unregister(close)
        atexit.register(close)
        while len(_clouds) >= LIMIT:
            _clouds.popitem(last=False)[1].close()
        _clouds[key] = _Cloud(hosts, pmem, **options)
    _clouds.move_to_end(key)
    return _clouds[key]


def close() -> None:
    """End all clouds."""
    while _clouds:
        _clouds.popitem()[1].close()


base.ends.append(close)
