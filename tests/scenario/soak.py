#!/usr/bin/python3
"""A soak (R39, R40, R42): three validators at full load while admin makes changes and the auditor takes what is counted, for SOAK_SECONDS (600). Every answer to the oracle is judged,
what was answered is compared with the access log, and resident memory must be flat: its median in the last tenth of the time at most GROWTH above that in
the second tenth (with ten minutes: after the first). The last line sums it up; the exit status is 0 when all is good.

Not part of make check: make soak; CI plays half a minute of it."""
import os
import statistics
import sys
import time

from faulty import Faulty, judged, passes
from harness import expect, main, test

SECONDS = float(os.environ.get("SOAK_SECONDS") or 600)
GROWTH = 0.05          # of what it was, and
SLACK = 2 << 20        # bytes, which a process may need once more
RESULTS = []


def flat(system, began):
    """What each process had in the second tenth and in the last; a list of those that have grown."""
    tenth, shown, grown = SECONDS / 10, [], []
    for name, samples in system.sampler.samples.items():
        early, late = (statistics.median(size for when, size in samples if from_ <= when - began < from_ + tenth)
                       for from_ in (tenth, SECONDS - tenth))
        shown.append(f"{name} {early / (1 << 20):.1f} → {late / (1 << 20):.1f} MiB")
        if late > early * (1 + GROWTH) + SLACK:
            grown.append(name)
    return ", ".join(shown), grown


@test(f"{SECONDS:g} s at full load: every answer right, each in the log, memory flat")
def soak(system):
    with judged(system, {"pause_ms": 0}):
        began, told = time.monotonic(), 60
        while time.monotonic() - began < SECONDS:
            passes(min(5, SECONDS - (time.monotonic() - began)))
            if time.monotonic() - began > told:
                print(f"# {told} s: {flat_now(system)}", flush=True)
                told += 60
    system.oracle.stop()
    shown, grown = flat(system, began)
    answers = system.check_books()
    RESULTS.append(f"soak of {SECONDS:g} s: {answers} answers ({answers / SECONDS:.0f} a second), {system.oracle.counts['revocations']} revocations; "
                   f"resident: {shown}")
    expect(not grown, f"memory is not flat: {', '.join(grown)} grew; {shown}")


def flat_now(system):
    return ", ".join(f"{name} {samples[-1][1] / (1 << 20):.1f}" for name, samples in system.sampler.samples.items())


try:
    # Memory for so few tokens that it is full, and gives up one for another, when the measuring begins. Memory for many would go on growing: its arrays have
    # their size from the start, but a page of them is there only when it is first used.
    main(lambda: Faulty({"cache_entries": "1000"}))
except SystemExit as end:
    print(RESULTS[0] if RESULTS else "soak: it was not played to the end", "PASS" if not end.code else "FAIL", sep=": ")
    sys.exit(end.code)
