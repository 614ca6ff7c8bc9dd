#!/usr/bin/python3
"""The contract: each method of proto/ has a comment, a row and a handler of its name, and a test that names it."""
# plain
import glob
import os
import re

from harness import TOP, expect, main, test


def read(pattern):
    found = {}
    for path in sorted(glob.glob(os.path.join(TOP, pattern), recursive=True)):
        with open(path, encoding="utf-8") as f:
            found[os.path.relpath(path, TOP)] = f.read()
    return found


PROTO = read("proto/*.proto")
TESTS = {path: text for path, text in {**read("tests/**/*.py"), **read("tests/**/*.c")}.items() if "s91_contract" not in path}
CODE = {**read("services/*/*.c"), **read("common/rpc/*.c"), **read("common/feed/*.c")}


def methods():
    """(service, method, the line before it) of all proto files."""
    for text in PROTO.values():
        for service, body in re.findall(r"^service (\w+) \{\n(.*?)^\}", text, re.M | re.S):
            lines = body.splitlines()
            for before, line in zip([""] + lines, lines):
                found = re.match(r"\s*rpc (\w+) ", line)
                if found:
                    yield service, found.group(1), before


def snake(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


@test("each method has a comment in proto/")
def comments():
    bare = [f"{service}/{method}" for service, method, before in methods() if not before.strip().startswith("//")]
    expect(not bare, f"no comment above: {', '.join(bare)}")


@test("each message says who sends it, or belongs to a method that says so")
def messages():
    names = {method for _, method, _ in methods()}
    for path, text in PROTO.items():
        lines = text.splitlines()
        for before, line in zip([""] + lines, lines):
            found = re.match(r"message (\w+)", line)
            if not found or before.startswith("//") or "//" in line:
                continue
            name = found.group(1)
            stem = re.sub(r"(Request|Reply)$", "", name)
            expect(stem in names or f"Get{stem}" in names or any(name in t for p, t in PROTO.items() if p != path) or
                   len(re.findall(rf"\b{name}\b", text)) > 1, f"{path}: {name} has no comment and nothing that uses it")


@test("each method has a row, and its handler the method's name")
def rows():
    rowless = []
    for service, method, _ in methods():
        handler = re.compile(rf'"{method}"[^}}]*?\b\w*_?{snake(method)}\b', re.S)
        if not any(handler.search(text) for text in CODE.values()):
            rowless.append(f"{service}/{method}")
    expect(not rowless, f"no row with a handler of that name: {', '.join(rowless)}")


def command(method):
    """The arguments of the command that calls a method, as a scenario writes them: "token", "disable"."""
    special = {"Login": '"login"', "Token": '"grant", "client-credentials"', "RotateClientSecret": '"client", "secret", "rotate"', "ExportTrail": '"audit", "export"', "GetCheckpointKey": '"audit", "verify"', "Check": '"health"', "Get": '"stats"'}
    verb, noun = re.match(r"([A-Z][a-z]*)(.*)", method).groups()
    noun = {"record": "audit"}.get(noun.lower().rstrip("s"), noun.lower().rstrip("s"))
    return special.get(method, f'"{noun}", "{ {"Get": "show"}.get(verb, verb.lower()) }"')


@test("each method has a test that names it, its handler, or the command that calls it")
def tests():
    untested = []
    for service, method, _ in methods():
        name = method if len(method) > 5 else f"{service}/{method}"  # "Get" would be found anywhere
        words = re.compile(rf'\b{name}\b|\b\w+_{snake(method)}\b|{command(method)}')
        if not any(words.search(text) for text in TESTS.values()):
            untested.append(f"{service}/{method}")
    expect(not untested, f"no test names: {', '.join(untested)}")


# What is to be proved by now.
RULES = [*range(1, 17), 18, 20, 24, 29, 30, 31, *range(34, 42), 44]


def rules_in(text):
    """The requirements that a text names: R12, and R4-R6 is all three."""
    found = set()
    for first, last in re.findall(r"\bR(\d+)(?:-R(\d+))?\b", text):
        found.update(f"R{number}" for number in range(int(first), int(last or first) + 1))
    return found


def proofs():
    """(requirements, tests) of each row of the table in tests/README.md."""
    with open(os.path.join(TOP, "tests/README.md"), encoding="utf-8") as f:
        table = f.read().split("## What proves which requirement")[1].split("\n## ")[0]
    for rules, proof in re.findall(r"^\| (R\d[^|]*?) \| (.*) \|$", table, re.M):
        yield rules_in(rules), re.findall(r"`((?:test|fuzz|s\d\d)_\w+)`", proof)


def cites(name, rules):
    """Which of the requirements the test's file names."""
    found = next((text for path, text in TESTS.items() if os.path.splitext(os.path.basename(path))[0] == name), None)
    expect(found is not None, f"tests/README.md: there is no test {name}")
    return rules & rules_in(found)


@test("each requirement is in the table of tests/README.md, and cited by the tests that it names")
def requirements():
    proved, wrong = set(), []
    for rules, names in proofs():
        cited = {name: cites(name, rules) for name in names}
        wrong += [f"{name} cites none of {', '.join(sorted(rules))}" for name, found in cited.items() if not found]
        wrong += [f"none of {', '.join(names)} cites {rule}" for rule in sorted(rules) if not any(rule in found for found in cited.values())]
        proved.update(rules)
    wrong += [f"no row for R{rule}" for rule in RULES if f"R{rule}" not in proved]
    expect(not wrong, f"tests/README.md: {'; '.join(wrong)}")


@test("the files of the schema are numbered without gap or double, and the processes want the last one")
def schema():
    numbers = sorted(int(os.path.basename(path)[:4]) for path in glob.glob(os.path.join(TOP, "deploy/schema/*.sql")))
    expect(numbers == list(range(1, len(numbers) + 1)), f"numbers {numbers}")
    wanted = re.search(r"JETON_SCHEMA_VERSION = (\d+)", "".join(read("common/db/schema_version.h").values()))
    expect(wanted and int(wanted.group(1)) == numbers[-1], f"common/db/schema_version.h is not {numbers[-1]}")


main()
