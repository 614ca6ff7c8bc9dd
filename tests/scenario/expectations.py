"""What a test expects and how long it waits, and where it is built: for harness.py, which has all of this for scenarios."""
import os
import subprocess
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, os.environ.get("JETON_BUILD", "build"))
SLOW = float(os.environ.get("JETON_SLOW", "1"))
# How many times as long as on an idle machine a wait may take: it ends when what it waits for is there, so this costs only what has failed.
PATIENCE = 4 * SLOW


class Failed(Exception):
    """An expectation that did not hold."""


class Skip(Exception):
    """A test that cannot run here, and why."""


def expect(condition, why):
    if not condition:
        raise Failed(why)


def expect_equal(actual, expected, what=""):
    if actual != expected:
        raise Failed(f"{what + ': ' if what else ''}{actual!r} instead of {expected!r}")


def wait_for(condition, timeout=5.0, what="the condition", patience=PATIENCE, every=0.02):
    """Poll until condition() is true, and return what it gave. An exception in it counts as false, and is told in the end. timeout: seconds that are ample
    on an idle machine. What is promised within a time is waited for by wait_within. every: seconds between two looks, where one costs much."""
    deadline = time.monotonic() + timeout * patience
    last = None
    while True:
        try:
            value = condition()
            if value:
                return value
            last = value
        except (Failed, OSError, subprocess.SubprocessError, ValueError, KeyError, IndexError) as error:
            last = error
        if time.monotonic() > deadline:
            raise Failed(f"{what} did not come within {timeout * patience:g} s; last: {last!r}")
        time.sleep(every)


def wait_within(condition, seconds, what):
    """As wait_for, for what must be so within that many seconds; more only for builds that are slow."""
    return wait_for(condition, seconds, what, SLOW)
