"""How far a launch has come, and how long the rest of it takes at the pace so far."""

from __future__ import annotations

_MINUTE, _HOUR = 60, 3600


class EtaEstimator:
    """Counts the work done, in whole jobs; an epoch is a part of its job.

    What comes before the first epoch that ends is no work: workers start then, which they do once. Jobs that had begun
    by then are counted from the end of their own first epoch.

    Args:
        total: how many jobs there may be.
        now: seconds, of any clock.

    Attributes:
        total: how many jobs there may be.
        done: how many have ended.
    """

    def __init__(self, total: int, now: float) -> None:
        self._began = now
        self._is_warm = False
        self._ends: float | None = None
        self.total, self.done = total, 0
        self._worked = 0.0
        # Job → from where it is counted, which is later where a checkpoint was, and where it is now.
        self._running: dict[int, tuple[float, float]] = {}
        self._first: set[int] = set()
        self._lost_if_again = 0.0

    def started(self, job: int) -> None:
        """Take in that a job has begun."""
        self._running[job] = (0.0, 0.0)
        if not self._is_warm:
            self._first.add(job)

    def epoch(self, job: int, done: int, total: int, now: float) -> None:
        """Take in that a job has done another epoch."""
        if job in self._running:
            begun, reached = self._running[job]
            if not reached:
                begun = done / total if job in self._first else (done - 1) / total
            if not self._is_warm:
                self._is_warm, self._began = True, now
            self._running[job] = (begun, done / total)
            self._estimate(now)

    def ended(self, job: int, now: float) -> None:
        """Take in that a job has ended."""
        begun, reached = self._running.pop(job)
        self._lost_if_again = 1 - reached
        self._first.discard(job)
        self._is_warm = True
        self._worked += 1 - begun
        self.done += 1
        self._estimate(now)

    def again(self) -> None:
        """Take in that the job that has just ended is run once more: of its work only the epochs count."""
        self.done -= 1
        self._worked -= self._lost_if_again

    def left(self, now: float) -> float | None:
        """Return how many seconds the rest takes; None before anything is known."""
        return None if self._ends is None else max(0.0, self._ends - now)

    def _estimate(self, now: float) -> None:
        worked = self._worked + sum(reached - begun for begun, reached in self._running.values())
        if worked > 0:
            left = self.total - self.done - sum(reached for _, reached in self._running.values())
            self._ends = now + (now - self._began) / worked * left


def about(seconds: float) -> str:
    """Return a time that is not known exactly, for people: 'about 34 min'."""
    if seconds < 1.5 * _MINUTE:
        return f"about {max(10, round(seconds, -1)):.0f} s"
    if seconds < 1.5 * _HOUR:
        return f"about {seconds / _MINUTE:.0f} min"
    return f"about {seconds / _HOUR:.1f} h" if seconds < 10 * _HOUR else f"about {seconds / _HOUR:.0f} h"
