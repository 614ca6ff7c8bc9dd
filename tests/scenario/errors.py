"""How a command fails, for scenarios."""
import json

from harness import expect, expect_equal


def fails(system, status, *arguments, says=(), input=None, environment=None):
    """Both forms of an error: a text of a line or two, and JSON, with the same exit status."""
    run = system.jeton(*arguments, check=status, input=input, environment=environment)
    for word in says:
        expect(word in run.stderr, f"{word!r} is not in {run.stderr!r}")
    run = system.jeton("--json", *arguments, check=status, input=input, environment=environment)
    error = json.loads(run.stderr)["error"]
    expect_equal(set(error), {"code", "message", "details"})
    for word in says:
        expect(word in run.stderr.replace("\\\"", "\""), f"{word!r} is not in {run.stderr!r}")
    return error
