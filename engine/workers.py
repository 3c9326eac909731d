"""Workers: they claim jobs and run them, each in one transaction that ends with the job's deletion."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime

from engine import (
    checkpoints,
    deliveries,
    finished_pdfs,
    incidents,
    instance_migrations,
    jobs,
    joining,
    operating,
    plaques,
    reminders,
    stamping,
    timers,
)
from engine.errors import Conflict, LvzeError
from engine.jobs import Job
from engine.runtime import Runtime

logger = logging.getLogger("lvze.jobs")


#: a job that collides with other work is tried again at once, this often
COLLISIONS = 20


def run_one(runtime: Runtime) -> bool:
    """Claim and run the next due job; False when there is none."""
    at = runtime.clock.now()
    with runtime.database.write() as session:
        job = jobs.claim(session, at)
    if job is None:
        return False
    try:
        run(runtime, job, at)
    except Conflict as error:
        # Somebody else moved the instance, or took the job: look again at once.
        logger.info("job %s (%s) collided: %s", job.id, job.kind, error)
        if job.attempts < COLLISIONS:
            with runtime.database.write() as session:
                jobs.let_go(session, job)
        else:
            incidents.fail(runtime, job, error, at)
    except Exception as error:
        if not isinstance(error, LvzeError):
            logger.exception("job %s (%s) failed", job.id, job.kind)
        incidents.fail(runtime, job, error, at)
    return True


#: kind of job -> what runs it: one transaction, in which ``jobs.finish`` (or ``park``) holds the fence. Rows are locked in one order
#: everywhere, lest two wait for each other: instance, fan-out, work item, job.
KINDS: dict[str, Callable[[Runtime, Job, datetime], None]] = {
    "children": joining.start_children,
    "escalation": joining.recount,
    "delivery": deliveries.deliver,
    "fanout": joining.drain,
    "migration": instance_migrations.run,
    "recount": joining.recount,
    "operation": operating.run,
    "pdf": finished_pdfs.run,
    "plaque": plaques.run,
    "reminder": reminders.run,
    "start": timers.start,
    "timer": timers.fire,
}


def run(runtime: Runtime, job: Job, at: datetime) -> None:
    """Do the job and delete it, or leave everything as it was."""
    KINDS[job.kind](runtime, job, at)


class Workers:
    """Threads that run jobs inside the server.

    A ring wakes one at once, and it wakes the next when there was work; otherwise they sleep until the next job is due. Every second
    they look all the same, for what another process has left.
    """

    #: seconds
    POLL = 1.0
    SEAL = 60.0
    STAMP = 3.0
    #: after a failure, so long is the time stamp server left alone
    STAMP_AGAIN = 60.0

    def __init__(self, runtime: Runtime, threads: int) -> None:
        self._runtime = runtime
        self._seal_after = time.monotonic() + self.SEAL
        self._stamp_after = 0.0
        self._stamping = threading.Lock()
        self._stop = threading.Event()
        self._bell = threading.Condition()
        self._rung = False
        self._threads = [
            threading.Thread(target=self._work, name=f"lvze-worker-{i}", daemon=True) for i in range(threads)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def ring(self) -> None:
        with self._bell:
            self._rung = True
            self._bell.notify()

    def stop(self) -> None:
        """Let every worker finish its job and end."""
        self._stop.set()
        with self._bell:
            self._bell.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        slept = False
        while not self._stop.is_set():
            worked, pause = False, self.POLL
            since = self._runtime.clock.now()
            try:
                worked = run_one(self._runtime)
                if not worked:
                    pause = self._pause(since)
            except Exception:
                logger.exception("a worker could not reach its jobs")
            self._seal()
            self._stamp()
            if not worked:
                self._sleep(pause)
            elif slept:  # what woke this worker may be more than it can do alone
                self.ring()
            slept = not worked

    def _pause(self, since: datetime) -> float:
        """Seconds until the next job is due, at most ``POLL``.

        :param since: before this worker looked: what has become due meanwhile is not slept over
        """
        with self._runtime.database.read() as session:
            due = jobs.next_due(session, since)
        if due is None:
            return self.POLL
        return min(self.POLL, max(0.0, (due - self._runtime.clock.now()).total_seconds()))

    def _sleep(self, seconds: float) -> None:
        with self._bell:
            if not self._rung and not self._stop.is_set():
                self._bell.wait(seconds)
            self._rung = False

    def _seal(self) -> None:
        """Seal the history's new heads, once a minute."""
        if time.monotonic() < self._seal_after:
            return
        self._seal_after = time.monotonic() + self.SEAL
        try:
            with self._runtime.database.write() as session:
                passphrase = self._runtime.settings.passphrase
                checkpoints.seal(session, passphrase=passphrase, at=self._runtime.clock.now())
        except Exception:
            logger.exception("the history could not be sealed")

    def _stamp(self) -> None:
        """Fetch time stamps that are missing; one thread at a time, and the others go on working."""
        if not self._runtime.settings.tsa_url or not self._stamping.acquire(blocking=False):
            return
        try:
            if time.monotonic() >= self._stamp_after:
                self._stamp_after = time.monotonic() + self.STAMP_AGAIN
                stamping.run(self._runtime)
                self._stamp_after = time.monotonic() + self.STAMP
        except LvzeError as error:
            logger.warning("no time stamps for now: %s", error)
        except Exception:
            logger.exception("time stamps could not be kept")
        finally:
            self._stamping.release()
