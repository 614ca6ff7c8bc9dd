#!/usr/bin/python3
"""Completion in bash and zsh, and the manual page: made from the tables of the commands, and checked against what --help says of each (R34)."""
# plain
import functools
import json
import os
import pty
import re
import select
import shutil
import subprocess
import tempfile
import time

from harness import BUILD, PATIENCE, SLOW, TOP, expect, expect_equal, main, test, wait_for

JETON = os.path.join(TOP, BUILD, "bin", "jeton")


def jeton(*arguments):
    return subprocess.run([JETON, *arguments], capture_output=True, text=True, check=True, timeout=30 * PATIENCE, env={"LC_ALL": "C.UTF-8"}).stdout


def options(text, heading):
    """{option: what it takes, "" for nothing} of one part of a help text."""
    part = re.search(rf"^{heading}:\n(.*?)(?:^$|\Z)", text, re.M | re.S)
    return dict(re.findall(r"^  --(\S+) ?(\S*)(?:  |$)", part[1], re.M)) if part else {}


@functools.lru_cache
def commands():
    """{words of a command: (its options, what its arguments are)}, as --help tells it."""
    found = {}
    part = re.search(r"OPTION…\]\n\n(.*?)\n\n", jeton("--help"), re.S)[1]
    for noun in re.findall(r"^  (\w+) ", part, re.M):
        text = jeton(noun, "--help")
        for verb in re.findall(rf"^  jeton {noun} ([\w-]+)", text.split("\nExamples:")[0], re.M) if text.startswith("jeton ") else [""]:
            words = f"{noun} {verb}".strip()
            help_ = jeton(*words.split(), "--help")
            usage = re.match(rf"Usage: jeton {words}(.*)", help_)[1]
            arguments = re.sub(r" --\S+ \S+| \[OPTION…\]", "", usage).strip()
            found[words] = options(help_, "Options"), arguments
    return found


@functools.lru_cache
def globals_():
    return options(jeton("--help"), "Options of every command")


@functools.lru_cache
def names(value):
    """What describe tells of: methods; for a SYMBOL services as well."""
    services = json.loads(jeton("--json", "describe"))
    short = [service["service"].split(".")[-1] for service in services]
    methods = [f"{name}/{method['name']}" for name, service in zip(short, services) for method in service["methods"]]
    return methods + ([] if value == "METHOD" else short)


def choice(value):
    if value in ("METHOD", "[SYMBOL]"):
        return names(value)
    return value.strip("[]").removesuffix(",…").split("|") if "|" in value else []


def queries(directory):
    """What is typed, up to the cursor, and what may come there: the same in both shells. None: names of files."""
    nouns = sorted({words.split()[0] for words in commands()})
    yield "", nouns
    yield "--json ", nouns
    yield "--config x ", nouns
    yield "tok", ["token"]
    yield "help ", nouns
    for noun in nouns:
        verbs = sorted(words.split()[1] for words in commands() if words.startswith(noun + " "))
        if verbs:
            yield f"{noun} ", verbs
            yield f"help {noun} ", verbs
            yield f"{noun} --timeout 5 {verbs[0][:-1]}", [verb for verb in verbs if verb.startswith(verbs[0][:-1])]
    for words, (own, arguments) in commands().items():
        yield f"{words} --", sorted(f"--{name}" for name in {**own, **globals_()})
        if arguments in ("DIR", "FILE", "[FILE]") or choice(arguments):
            yield f"{words} {'' if choice(arguments) else directory + '/'}", choice(arguments) or arguments
        for name, value in own.items():
            if choice(value):
                yield f"{words} --{name} ", choice(value)
                yield f"{words} --{name}={choice(value)[0][:1]}", [word for word in choice(value) if word.startswith(choice(value)[0][:1])]
            elif value in ("FILE", "DIR"):
                yield f"{words} --{name} {directory}/", value


def expected(directory, want, typed):
    """A file or a directory in `directory`, as the shells tell them."""
    if isinstance(want, list):
        return set(want)
    return {"sub"} if "DIR" in want else {"sub", "one.txt"}


def made_directory(parent):
    directory = os.path.join(parent, "files")
    os.makedirs(os.path.join(directory, "sub"))
    with open(os.path.join(directory, "one.txt"), "w", encoding="utf-8"):
        pass
    return directory


def check_all(complete, parent):
    """complete: {typed: set of words} for a list of what is typed."""
    directory = made_directory(parent)
    wanted = list(queries(directory))
    got = complete([typed for typed, _ in wanted])
    for typed, want in wanted:
        found = {word.removesuffix("=").rstrip("/").removeprefix(directory + "/") for word in got[typed]}
        expect_equal(sorted(found), sorted(expected(directory, want, typed)), f"jeton {typed}<TAB>")


class Terminal:
    """A shell on a terminal of its own."""

    def __init__(self, command, environment):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(command[0], command, {"PATH": os.environ["PATH"], "TERM": "vt100", "LC_ALL": "C.UTF-8", **environment})
        self.shown = b""

    def type(self, text):
        os.write(self.fd, text.encode())

    def read(self):
        while select.select([self.fd], [], [], 0.01)[0]:
            try:
                self.shown += os.read(self.fd, 65536)
            except OSError:  # it has ended
                break
        return self.shown.decode(errors="replace")

    def end(self):
        os.close(self.fd)  # hangs it up
        end = time.monotonic() + 10 * SLOW
        while os.waitpid(self.pid, os.WNOHANG)[0] == 0:
            if time.monotonic() > end:
                os.kill(self.pid, 9)
            time.sleep(0.01)


def content(path):
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8") as f:
        return f.read()


# ---- bash

# For each line of words, the cursor behind the last one: what the function of the script says.
DRIVER = r"""
source "$1"
while IFS= read -r line; do
    IFS=$'\t' read -ra COMP_WORDS <<<"$line"
    [[ $line != *$'\t' ]] || COMP_WORDS+=('')
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _jeton
    printf '%s\t' "${COMPREPLY[@]}"
    printf '\n'
done
"""


def bash_words(typed):
    """As readline cuts a line: at blanks, and "=" and ":" are words."""
    words = [part for word in f"jeton {typed}".split(" ") for part in (re.findall(r"[=:]+|[^=:]+", word) or [""])]
    return "\t".join(words)


@test("bash: every command's nouns, verbs, options, values and files are completed")
def bash():
    with tempfile.TemporaryDirectory() as parent:
        script = os.path.join(parent, "jeton")
        with open(script, "w", encoding="utf-8") as f:
            f.write(jeton("completion", "bash"))
        subprocess.run(["bash", "-n", script], check=True)

        def complete(typed):
            run = subprocess.run(["bash", "--norc", "-c", DRIVER, "bash", script], input="".join(bash_words(t) + "\n" for t in typed),
                                 capture_output=True, text=True, check=True, timeout=120 * PATIENCE, env={"PATH": os.environ["PATH"]})
            expect_equal(run.stderr, "")
            return {t: set(line.split("\t")) - {""} for t, line in zip(typed, run.stdout.split("\n"))}

        check_all(complete, parent)
        for typed, want in (("keys add shop --role caller,", {"caller,operator", "caller,caller", "caller,gateway", "caller,monitor", "caller,service"}),
                            ("token create --kind=", {"personal", "service", "base", "test"}),
                            ("token create --module orders:read --k", {"--kind"}),
                            ("validate --endpoint tcp://127.0.0.1:7102 --acc", {"--access"}),
                            ("token list --all --status a", {"active"}),
                            ("token create --name token --ki", {"--kind"}),
                            ("token create --name ", set()),
                            ("token show ", set()),
                            ("help token create --", set()),
                            ("frobnicate ", {words.split()[0] for words in commands()}),
                            ("help --m", {"--man"})):
            expect_equal(complete([typed])[typed], want, typed)


@test("bash: on a terminal, as one types it")
def bash_terminal():
    with tempfile.TemporaryDirectory() as parent:
        with open(os.path.join(parent, "rc"), "w", encoding="utf-8") as f:
            f.write(f'source <("{JETON}" completion bash)\nPS1="> "\njeton() {{ printf "<%s>" "$@" >{parent}/run; }}\n')
        terminal = Terminal(["bash", "--rcfile", os.path.join(parent, "rc"), "-i"], {"HOME": parent, "INPUTRC": "/dev/null"})
        try:
            wait_for(lambda: "> " in terminal.read(), 20 * SLOW, "a prompt")
            terminal.type("jeton tok\tcrea\t--ki\tserv\t--env\n")
            wait_for(lambda: terminal.read() and content(f"{parent}/run"), 20 * SLOW, "the command")
            expect_equal(content(f"{parent}/run"), "<token><create><--kind><service><--env>")
        finally:
            terminal.end()


# ---- zsh

# What is found is noted in a file. Calls that only look, or that change arrays, add no matches.
ZSHRC = r"""
PS1='> ' LISTMAX=100000
unsetopt beep list_beep
fpath=($PWD $fpath)
autoload -Uz compinit
compinit -u -D
compadd() {
    local -a found
    if [[ -z ${argv[(r)-[OAD]*]} ]]; then
        builtin compadd -O found "$@"
        (( $#found )) && print -rl -- $found >>$PWD/found
    fi
    builtin compadd "$@"
}
noted() { print -r -- END >>$PWD/found }
zle -N noted
bindkey '^Xd' noted
bindkey '^U' kill-whole-line
jeton() { printf '<%s>' "$@" >$PWD/run }
"""


@test("zsh: every command's nouns, verbs, options, values and files are completed")
def zsh():
    with tempfile.TemporaryDirectory() as parent:
        with open(os.path.join(parent, "_jeton"), "w", encoding="utf-8") as f:
            f.write(jeton("completion", "zsh"))
        subprocess.run(["zsh", "-n", os.path.join(parent, "_jeton")], check=True)
        with open(os.path.join(parent, ".zshrc"), "w", encoding="utf-8") as f:
            f.write(f"cd {parent}\n{ZSHRC}")
        terminal = Terminal(["zsh", "-d", "-i"], {"HOME": parent, "ZDOTDIR": parent})
        found = os.path.join(parent, "found")
        try:
            wait_for(lambda: "> " in terminal.read(), 30 * SLOW, "a prompt")

            def complete(typed):
                got = {}
                for text in typed:
                    if os.path.exists(found):
                        os.remove(found)
                    terminal.type(f"jeton {text}\t\x18d\x15")
                    wait_for(lambda: terminal.read() and content(found).endswith("END\n"), 20 * SLOW, f"zsh to complete jeton {text}")
                    got[text] = set(content(found).splitlines()) - {"END", ""}
                return got

            check_all(complete, parent)
            for typed, want in (("keys add shop --role caller,", {"operator", "gateway", "monitor", "service"}),
                                ("token create --name ", set()),
                                ("help token create --", set()),
                                ("help --m", {"--man"})):
                expect_equal(complete([typed])[typed], want, typed)
            terminal.type("jeton tok\tcrea\t--ki\tserv\t--no-c\t\n")
            wait_for(lambda: terminal.read() and content(f"{parent}/run"), 20 * SLOW, "the command")
            expect_equal(content(f"{parent}/run"), "<token><create><--kind=service><--no-color>")
        finally:
            terminal.end()


# ---- the manual page

@test("the manual page is sound roff, and tells of every command, option and exit status")
def manual():
    page = jeton("help", "--man")
    expect(page.isascii(), "it is not ASCII")
    run = subprocess.run(["groff", "-man", "-ww", "-Tutf8", "-P-cbou", "-rLL=200n"], input=page, capture_output=True, text=True, check=True,
                         env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"})
    expect_equal(run.stderr, "")
    shown = re.sub(r"\s+", " ", run.stdout.replace("−", "-"))
    for words, (own, arguments) in commands().items():
        text = jeton(*words.split(), "--help")
        usage = re.match(r"Usage: (.*)", text)[1]
        expect(usage in shown, f"the usage of {words} is not there: {usage}")
        for name, value in own.items():
            expect(f" --{name} {value}".rstrip() in shown, f"--{name} of {words} is not there")
        for example in text.split("\nExamples:\n")[1].splitlines():
            expect(example.strip() in shown, f"not there: {example}")
    for row in re.findall(r"^  (\d+ .*)", jeton("--help").split("Exit status:")[1], re.M):
        expect(re.sub(r"\s+", " ", row) in shown, f"exit status {row} is not there")


@test("what is installed: programs, completion, manual page; and nothing is left by make uninstall")
def install():
    with tempfile.TemporaryDirectory() as root:
        for prefix, zsh_directory in (("/usr", "vendor-completions"), ("/usr/local", "site-functions")):
            def make(target):
                subprocess.run(["make", "-s", target, f"DESTDIR={root}", f"PREFIX={prefix}", *(["SANITIZE=1"] if "sanitize" in BUILD else [])],
                               cwd=TOP, check=True, timeout=600 * PATIENCE, stdout=subprocess.DEVNULL)

            make("install")
            top = root + prefix
            for name, arguments in (("bash-completion/completions/jeton", ("completion", "bash")),
                                    (f"zsh/{zsh_directory}/_jeton", ("completion", "zsh")),
                                    ("man/man1/jeton.1", ("help", "--man"))):
                expect_equal(content(f"{top}/share/{name}"), jeton(*arguments), name)
            for program in ("jeton", "jeton-admin", "jeton-auditor", "jeton-issuer", "jeton-validator"):
                subprocess.run([f"{top}/bin/{program}", "--version"], check=True, stdout=subprocess.DEVNULL, timeout=30 * PATIENCE)
            expect(os.path.exists(f"{top}/share/jeton/schema/0001_initial.sql"), "the schema is not there")
            make("uninstall")
            left = [name for _, _, names in os.walk(root) for name in names]
            expect_equal(left, [])
            expect(not os.path.exists(f"{top}/share/jeton"), "share/jeton is left")
            shutil.rmtree(top)


main()
