"""Events of one job, each once and in order, whatever a socket loses, repeats or hurries. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from content_architect_client.models import ENDED, Event


@dataclass(slots=True, kw_only=True)
class Inbox:
    """Knows the last sequence that was handed on."""

    last: int = 0

    def offer(self, event: Event) -> bool | None:
        """Whether to hand on an event of a socket: yes, no (seen before), or None for a gap before it.

        Ephemeral progress has no place in the order. After a gap the log is to be read: it has this event too.
        """
        sequence = event.get("sequence")
        if sequence is None:
            return True
        if sequence > self.last + 1:
            return None
        return self.take(event)

    def take(self, event: Event) -> bool:
        """Whether to hand on an entry of the log, which is in order and has no gaps of its own."""
        sequence = event["sequence"]
        if sequence <= self.last:
            return False
        self.last = sequence
        return True


def ends(event: Event) -> bool:
    """Whether a job may have ended with this event; that of a step names the status of the step."""
    kinds = ("result_ready", "error", "status_change")
    return event["type"] in kinds and event["data"].get("status") in ENDED
