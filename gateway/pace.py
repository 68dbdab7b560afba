"""Many streams are told one after the other: a thousand at once would keep every request waiting for half a second."""

import asyncio

_STEP_SECONDS = 0.0007
"""A thousand are told within a second, and requests are served between two of them."""
_MOST_SECONDS = 1.0
"""Nobody waits longer for their turn, however many there are."""


class Pace:
    """Turns, so many a second and no more; whoever comes alone does not wait."""

    def __init__(self) -> None:
        self._last = 0.0

    async def turn(self) -> None:
        """Wait for one's turn."""
        now = asyncio.get_running_loop().time()
        self._last = min(max(now, self._last + _STEP_SECONDS), now + _MOST_SECONDS)
        if self._last > now:
            await asyncio.sleep(self._last - now)
