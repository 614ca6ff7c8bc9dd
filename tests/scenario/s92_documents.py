#!/usr/bin/python3
"""What the documents quote is what there is. `s92_documents.py --write` brings the quotes up to date instead.

A quote stands between two lines of its document: <!-- settings: admin --> (what jeton-admin --settings prints, but for the rows that all
processes have: those are <!-- settings: common -->) or <!-- file: tests/e2e/client.py --> (the file, as a block of code), and <!-- end -->.
"""
# plain
import functools
import os
import re
import subprocess
import sys

from harness import BUILD, OTHERS, SERVICES, TOP, expect, main, test

QUOTE = re.compile(r"^<!-- (settings|file): (\S+) -->\n(.*?)^<!-- end -->$", re.M | re.S)
LANGUAGES = {".py": "python", ".proto": "proto", ".sql": "sql"}


def documents():
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"], cwd=TOP, capture_output=True,
                            text=True, check=False).stdout.split("\0")
    for name in listed if any(listed) else ["README.md", "proto/README.md", "deploy/README.md", "tests/README.md"]:
        if name and os.path.exists(os.path.join(TOP, name)):
            with open(os.path.join(TOP, name), encoding="utf-8") as f:
                yield name, f.read()


@functools.lru_cache
def settings(process):
    """The lines that jeton-PROCESS --settings prints: two of heading, and one for each setting."""
    return subprocess.run([f"{BUILD}/bin/jeton-{process}", "--settings"], capture_output=True, text=True, check=True, timeout=30,
                          env={"PATH": os.environ["PATH"]}).stdout.splitlines(keepends=True)


def current(kind, name):
    if kind == "settings":
        common = [row for row in settings(SERVICES[0])[2:] if all(row in settings(process) for process in SERVICES)]
        own = common if name == "common" else [row for row in settings(name)[2:] if row not in common]
        return "".join(settings(SERVICES[0])[:2] + own)
    with open(os.path.join(TOP, name), encoding="utf-8") as f:
        return f"```{LANGUAGES.get(os.path.splitext(name)[1], '')}\n{f.read()}```\n"


def write():
    for document, text in documents():
        renewed = QUOTE.sub(lambda m: f"<!-- {m[1]}: {m[2]} -->\n{current(m[1], m[2])}<!-- end -->", text)
        if renewed != text:
            with open(os.path.join(TOP, document), "w", encoding="utf-8") as f:
                f.write(renewed)


@test("settings tables and quoted files are up to date")
def quotes():
    found = []
    for document, text in documents():
        for kind, name, quoted in QUOTE.findall(text):
            found.append(name)
            expect(quoted == current(kind, name), f"{document}: the {kind} of {name} differ; tests/scenario/s92_documents.py --write renews them")
    for name in ("common", *SERVICES, *OTHERS, "tests/e2e/client.py"):
        expect(name in found, f"{name} is quoted nowhere")


@test("links lead somewhere")
def links():
    for document, text in documents():
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", re.sub(r"```.*?```", "", text, flags=re.S)):
            if "://" not in target:
                expect(os.path.exists(os.path.join(TOP, os.path.dirname(document), target)), f"{document}: {target} is not there")


if "--write" in sys.argv:
    write()
else:
    main()
