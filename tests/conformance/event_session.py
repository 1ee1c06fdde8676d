"""Base of sessions that also record events."""

from __future__ import annotations

from tests.conformance.calls.world import Outcome, Session, World, with_texts
from tests.conformance.event_log import EventLog


class EventSession(Session):
    """A session whose steps :meth:`run` makes while events are recorded.

    :param events: the events so far.
    """

    def __init__(self, world: World, directory: str, events: EventLog) -> None:
        super().__init__(world, directory)
        self.log = events

    def run(self) -> None:
        """Make the steps."""
        raise NotImplementedError

    @staticmethod
    def plain(text: str) -> str:
        """Return a text of an outcome without what differs from run to run."""
        return text

    @classmethod
    def outcomes(cls, uri: str, directory: str) -> dict[str, Outcome]:
        """Return the outcome of each step on a daemon, as JSON has it.

        :param directory: an empty directory in which the daemon can create files.
        """
        with EventLog(uri) as events:
            world = World(uri)
            try:
                cls(world, directory, events).run()
                plain: dict[str, Outcome] = with_texts(
                    world.outcomes, lambda text: cls.plain(text.replace(directory, '<directory>')))
                return plain
            finally:
                world.close()
