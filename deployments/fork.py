"""Workers: forked from one process that has imported everything, replaced when they die, and ended with it."""

import contextlib
import gc
import os
import signal
import time
from collections.abc import Callable

import structlog

from deployments.observing import finish
from deployments.process import end_with_parent

_log = structlog.get_logger(__name__)
_YOUNG_SECONDS = 5.0
_PAUSE_SECONDS = 1.0
"""Before a worker that died young is replaced. When more than there are do so in a row, the launcher ends as they do,
so that whoever watches it hears of it."""
_ENDS = (signal.SIGTERM, signal.SIGINT)


class Workers:
    """So many processes that all run `serve`; `gone` is told the id of each that ended. Call it before any thread is
    started."""

    def __init__(self, serve: Callable[[], None], count: int, gone: Callable[[int], None]) -> None:
        self._serve, self._count, self._gone = serve, count, gone
        self._born: dict[int, float] = {}
        self._asked: int | None = None

    def run(self) -> int:
        """Until SIGTERM or SIGINT; what is under way is finished first. Returns the exit code."""
        gc.collect()
        gc.freeze()  # what is shared stays shared: no worker copies it by collecting
        for number in _ENDS:
            signal.signal(number, self._end)
        for _ in range(self._count):
            self._start()
        young, code = 0, 0
        while self._born:
            process, status = os.wait()
            lived = time.monotonic() - self._born.pop(process)
            self._gone(process)
            if self._asked is not None:
                continue
            code = os.waitstatus_to_exitcode(status)
            young = young + 1 if lived < _YOUNG_SECONDS else 0
            if young > self._count:
                _log.error("workers end as soon as they start: this gateway gives up", worker=process, code=code)
                self._end(signal.SIGTERM, None)
                return self._last(code)
            _log.error("a worker ended and is replaced", worker=process, code=code)
            time.sleep(_PAUSE_SECONDS if young else 0)
            self._start()
        return 0

    def _last(self, code: int) -> int:
        """Wait for those that were told to end."""
        while self._born:
            self._born.pop(os.wait()[0])
        return code or 1

    def _start(self) -> None:
        launcher = os.getpid()
        signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)  # nobody is told to end who is not on the list yet
        try:
            if self._asked is not None:
                return
            process = os.fork()
            if process == 0:
                self._work(launcher)
            self._born[process] = time.monotonic()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDS)

    def _work(self, launcher: int) -> None:
        """The worker's whole life."""
        code = 1
        try:
            end_with_parent(signal.SIGKILL)  # the port must be free at once for whoever replaces the parent
            if os.getppid() != launcher:  # which had ended before
                return
            for number in _ENDS:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDS)
            self._serve()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except BaseException as error:  # whatever it was, somebody must hear of it
            _log.error("a worker failed", exc_info=error)
        finally:
            finish()
            os._exit(code)

    def _end(self, number: int, _frame: object) -> None:
        self._asked = number
        for process in list(self._born):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGTERM)
