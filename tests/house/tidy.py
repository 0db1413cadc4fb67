#!/usr/bin/env python3
"""The rules of the house, as a test.

    tidy.py ROOT          checks the tree; prints FILE:LINE: rule: what is wrong; exits 1 if anything is
    tidy.py --self-test   plants one violation of every rule in a scratch tree and sees that each is found

What it holds: which room may include which (dependencies point down only), which room may use which library,
clocks read in one file only, lengths of files, functions and lines, no leftovers, no waiting by the clock in
tests, no mention of the workshop the code was made in.
"""
import os
import re
import sys
import tempfile

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70
LINE_WIDTH_MAX = 140  # clang-format aims at 110; what it cannot break may run a little over

# Room -> rooms whose headers it may include. Its own and include/headgate are always allowed.
EDGES = {
    "core": set(),
    "policy": {"core"},
    "net": {"core"},
    "store": {"core", "net"},
    "probe": {"core", "net"},
    "metrics": {"core"},
    "http": {"core"},
    "api": {"core", "metrics", "http"},
    "client": {"core"},
    "launch": {"core", "client"},
    "host": {"core", "policy", "net", "store", "probe", "metrics", "http", "api", "launch"},
    "sim": {"core", "policy", "store"},
    "drill": {"core", "client", "sim"},
    "demo": {"core", "client"},
    "cli": {"core", "policy", "store", "client", "launch", "host", "sim", "drill", "demo", "metrics"},
}
# The clock is a leaf: these rooms may read it although they lie below the rest of host.
CLOCK_HEADER = "host/clock.h"
CLOCK_READERS = {"net", "store", "probe", "http", "client", "launch", "host", "drill", "demo", "cli"}

# Library -> rooms that may include its headers.
LIBRARIES = {
    "uv": {"net", "store", "probe", "http", "client", "launch", "host", "drill", "demo", "cli"},
    "hiredis": {"net", "store", "probe"},
    "jansson": {"policy", "store", "probe", "api", "client", "launch", "host", "sim", "drill", "demo", "cli"},
    "microhttpd": {"http"},
    "curl": {"net", "probe", "client", "launch", "drill", "demo", "cli"},
    "ares": {"net", "probe"},
}
LIBRARY_HEADER = re.compile(r"^(uv|hiredis|jansson|microhttpd|curl|ares)\b")
CORE_HEADERS = {"assert.h", "ctype.h", "errno.h", "inttypes.h", "limits.h", "math.h", "stdarg.h", "stdbool.h",
                "stddef.h", "stdint.h", "stdio.h", "stdlib.h", "string.h"}

CLOCK_FILES = ("src/host/clock.c", "tests/support/", "tests/bench/")
CLOCK_CALL = re.compile(r"(?<![\w.>])(clock_gettime|gettimeofday|timespec_get|time|clock)\s*\(")
LOOP_CLOCK_CALL = re.compile(r"(?<![\w.>])(uv_hrtime|uv_now)\s*\(")
TEST_SLEEP = re.compile(r"(?<![\w.>])u?sleep\s*\(")
SHELL_SLEEP = re.compile(r"^\s*sleep\s+[1-9]")
# Written in pieces so that this file does not find itself.
LEFTOVERS = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b"
                       r"|\bfor " r"now\b|\bst" r"ub(bed)?\b|\bsimpli" r"fied\b")
WORKSHOP = re.compile(r"/tmp/w" r"t\b|(?<![\w.])/wo" r"rk/"
                      r"|\bhelper ses" r"sion|\blanguage mo" r"del|\bas an A" r"I\b", re.IGNORECASE)

TREES = ("src", "include", "tests", "deploy", "policies")
TOP_FILES = ("README.md", "meson.build", "meson_options.txt")
CODE = (".c", ".h")
TEXT = (".c", ".h", ".py", ".sh", ".lua", ".md", ".json", ".build", ".txt")
NARROW = (".c", ".h", ".py", ".sh", ".lua")


def list_files(root):
    for name in TOP_FILES:
        if os.path.isfile(os.path.join(root, name)):
            yield name
    for tree in TREES:
        for directory, directories, names in os.walk(os.path.join(root, tree)):
            directories[:] = sorted(d for d in directories if not d.startswith((".", "__", "build")))
            for name in sorted(names):
                if name.endswith(TEXT):
                    yield os.path.relpath(os.path.join(directory, name), root)


def blank_comments_and_strings(text):
    """Same lines, same columns, with comments and literals blanked."""
    pattern = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.DOTALL)
    return pattern.sub(lambda m: re.sub(r"[^\n]", " ", m.group(0)), text)


def room_of(path):
    parts = path.split("/")
    return parts[1] if parts[0] == "src" and len(parts) > 2 else None


def check_include(room, quoted, header):
    """What is wrong with a room's include, or None."""
    if quoted:
        target = header.split("/")[0]
        if "/" not in header:
            return f'"{header}" without its room: write "room/{header}"'
        if target in (room, "headgate"):
            return None
        if header == CLOCK_HEADER and room in CLOCK_READERS:
            return None
        return None if target in EDGES[room] else f"{room} may not include {header}"
    if room == "core" and header not in CORE_HEADERS:
        return f"core may not include <{header}>: decisions rest on libc only, and on no I/O"
    library = LIBRARY_HEADER.match(header)
    if library and room not in LIBRARIES[library.group(1)]:
        return f"{room} may not use {library.group(1)} (<{header}>)"
    return None


def check_includes(path, text):
    room = room_of(path)
    if room is None:
        return
    if room not in EDGES:
        yield 1, "rooms", f"room {room} is not in the table of tests/house/tidy.py"
        return
    for number, line in enumerate(text.splitlines(), 1):
        found = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
        wrong = found and check_include(room, found.group(1) == '"', found.group(2))
        if wrong:
            yield number, "includes", wrong


def check_clocks(path, code):
    room = room_of(path)
    for number, line in enumerate(code.splitlines(), 1):
        call = CLOCK_CALL.search(line)
        if call and not path.startswith(CLOCK_FILES):
            yield number, "clock", f"{call.group(1)}() outside src/host/clock.c"
        call = LOOP_CLOCK_CALL.search(line)
        if call and room and room not in LIBRARIES["uv"]:
            yield number, "clock", f"{call.group(1)}() in a room without a loop"
        if path.startswith("tests/") and TEST_SLEEP.search(line) and not path.startswith("tests/support/"):
            yield number, "sleep", "a test waits for a condition with a deadline, it does not sleep"


def check_functions(path, code):
    begin = None
    for number, line in enumerate(code.splitlines(), 1):
        if line.startswith("{"):
            begin = number
        elif line.startswith("}") and begin is not None:
            if number - begin + 1 > FUNCTION_LINES_MAX:
                yield begin, "function", f"{number - begin + 1} lines; at most {FUNCTION_LINES_MAX}"
            begin = None


def check_words(path, text):
    for number, line in enumerate(text.splitlines(), 1):
        if path.endswith(NARROW) and len(line) > LINE_WIDTH_MAX:
            yield number, "width", f"{len(line)} columns; at most {LINE_WIDTH_MAX}"
        found = LEFTOVERS.search(line)
        if found and not path.endswith(".md"):
            yield number, "leftover", f"'{found.group(0)}': finish it, or open an issue"
        found = WORKSHOP.search(line)
        if found:
            yield number, "workshop", f"'{found.group(0)}' is no part of the project"
        if path.startswith("tests/") and path.endswith(".sh") and SHELL_SLEEP.match(line):
            yield number, "sleep", "a test waits for a condition with a deadline, it does not sleep"


def check_file(path, text):
    yield from check_words(path, text)
    if not path.endswith(CODE):
        return
    lines = text.count("\n")
    if lines > FILE_LINES_MAX:
        yield lines, "length", f"{lines} lines; at most {FILE_LINES_MAX}"
    code = blank_comments_and_strings(text)
    yield from check_includes(path, text)
    yield from check_clocks(path, code)
    yield from check_functions(path, code)


def check_tree(root):
    """Every violation below `root`, as (path, line, rule, message), and how many files were read."""
    found, count = [], 0
    for path in list_files(root):
        with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
            text = file.read()
        count += 1
        found += [(path, line, rule, message) for line, rule, message in check_file(path, text)]
    return found, count


CLEAN = """#include "core/ok.h"

#include <stdint.h>

/* time(x) in a comment is no call */
int f(void)
{
    return 0;
}
"""
PLANTED = [
    # path, text, rule that must find it
    ("src/core/up.c", '#include "store/store.h"\n', "includes"),
    ("src/core/lib.c", "#include <uv.h>\n", "includes"),
    ("src/core/posix.c", "#include <unistd.h>\n", "includes"),
    ("src/policy/web.c", "#include <curl/curl.h>\n", "includes"),
    ("src/http/bare.c", '#include "server.h"\n', "includes"),
    ("src/api/clock.c", '#include "host/clock.h"\n', "includes"),
    ("src/attic/new.c", "int a;\n", "rooms"),
    ("src/core/clock.c", "int f(void)\n{\n    return (int)time(0);\n}\n", "clock"),
    ("src/probe/clock.c", "void f(void)\n{\n    clock_gettime(0, 0);\n}\n", "clock"),
    ("src/api/loop.c", "void f(void)\n{\n    uv_hrtime();\n}\n", "clock"),
    ("src/core/long.c", "int a;\n" * (FILE_LINES_MAX + 1), "length"),
    ("src/core/function.c", "int f(void)\n{\n" + "    a();\n" * FUNCTION_LINES_MAX + "}\n", "function"),
    ("src/core/wide.c", "/*" + " " * LINE_WIDTH_MAX + "*/\n", "width"),
    ("src/core/todo.c", "/* TO" "DO: later */\n", "leftover"),
    ("src/core/fornow.c", "/* good enough for " "now */\n", "leftover"),
    ("tests/unit/test_nap.c", "void f(void)\n{\n    sleep(1);\n}\n", "sleep"),
    ("tests/nap.sh", "sleep " "2\n", "sleep"),
    ("README.md", "see /wo" "rk/shared\n", "workshop"),
]


def write_file(root, path, text):
    full = os.path.join(root, path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "w", encoding="utf-8") as file:
        file.write(text)


def self_test():
    failed = 0
    with tempfile.TemporaryDirectory() as root:
        write_file(root, "src/core/ok.c", CLEAN)
        write_file(root, "src/demo/clock.c", '#include "host/clock.h"\n#include "client/client.h"\n')
        write_file(root, "src/host/clock.c", "void f(void)\n{\n    clock_gettime(0, 0);\n}\n")
        found, count = check_tree(root)
        if found or count != 3:
            print(f"self-test: a clean tree of 3 files gave {count} files, {found}")
            failed += 1
    for path, text, rule in PLANTED:
        with tempfile.TemporaryDirectory() as root:
            write_file(root, path, text)
            found, _ = check_tree(root)
            if [(p, r) for p, _, r, _ in found] != [(path, rule)]:
                print(f"self-test: {path} must be found once, by '{rule}'; found {found}")
                failed += 1
    print(f"self-test: {len(PLANTED) + 1} cases, {failed} failed")
    return 1 if failed else 0


def main(arguments):
    if arguments == ["--self-test"]:
        return self_test()
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 64
    found, count = check_tree(arguments[0])
    for path, line, rule, message in found:
        print(f"{path}:{line}: {rule}: {message}")
    print(f"tidy: {count} files, {len(found)} violations")
    return 1 if found or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
