#!/usr/bin/env python3
"""style.py [--lower | --lines FILE...] - where sources break .editorconfig and .clang-format.

Places in style.allowed do not count.

Kinds: "long" is a line of more than 120 columns, with tabs of 8; "blanks" has blanks at its end. "spaces" is C that is
indented by spaces; "end", a file that does not end with a newline; "format", C or C++ that clang-format would change.
A line of style.allowed is KIND FILE NUMBER. The numbers only sink: --lower lowers them to what is
there. --lines: without "format", and without the list.
"""
import collections
import os
import pathlib
import re
import subprocess
import sys

ALLOWED = pathlib.Path(__file__).with_name("style.allowed")
ROOTS = "Makefile lib daemon include tests bench .packaging .ci".split()
BASELINE = pathlib.Path(".packaging/abi")  # a copy of what was released
COLUMNS = 120


def is_source(path):
    """Everything that is compiled, run by a shell or read by make."""
    if path.name == "Makefile" or path.suffix in (".c", ".h", ".cc", ".hpp", ".rs", ".sh", ".mk", ".py"):
        return True
    with path.open("rb") as file:
        return re.match(rb"#!.*sh\n", file.readline(64)) is not None


def sources():
    for root in map(pathlib.Path, ROOTS):
        paths = [root] if root.is_file() else root.rglob("*")
        yield from sorted(path for path in paths if path.is_file() and BASELINE not in path.parents and is_source(path))


def lines(path):
    """(kind, line number) for each line that breaks a rule."""
    text = path.read_text(encoding="utf-8")
    for number, line in enumerate(text.splitlines(), 1):
        if len(line.expandtabs(8)) > COLUMNS:
            yield "long", number
        if line != line.rstrip():
            yield "blanks", number
        if line.startswith(" " * 8) and line.strip() != "\\" and path.suffix in (".c", ".h", ".cc", ".hpp"):
            yield "spaces", number
    if text and not text.endswith("\n"):
        yield "end", len(text.splitlines())


def has_clang_format():
    try:
        said = subprocess.run(["clang-format", "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return False
    return "version 14." in said  # others lay out otherwise


def would_be_changed(paths):
    """Those that clang-format would lay out otherwise. One run reads them all: it starts for longer than it reads."""
    command = ["clang-format", "--style=file", "--dry-run", *paths]
    run = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=True)
    return set(re.findall(r"^(.*):\d+:\d+: warning: code should be clang-formatted", run.stderr, re.MULTILINE))


def main():
    if sys.argv[1:2] == ["--lines"]:
        for name in sys.argv[2:]:
            for kind, number in lines(pathlib.Path(name)):
                print(f"{name}:{number}: {kind}")
        return 0
    os.chdir(ALLOWED.parent.parent.parent)
    found = collections.defaultdict(list)
    formats = has_clang_format()
    if not formats:
        print("the layout of C is not compared: clang-format 14 is not installed")
    paths = list(sources())
    for path in paths:
        for kind, number in lines(path):
            found[kind, str(path)].append(number)
    if formats:
        for name in would_be_changed(str(path) for path in paths if path.suffix in (".c", ".h", ".cc", ".hpp")):
            found["format", name].append(1)

    head, allowed = [], {}
    for line in ALLOWED.read_text().splitlines():
        if line.startswith("#"):
            head.append(line)
        else:
            kind, name, number = line.split()
            allowed[kind, name] = int(number)
    if sys.argv[1:] == ["--lower"]:
        for place, number in allowed.items():
            if formats or place[0] != "format":
                allowed[place] = min(number, len(found[place]))
        rows = sorted(f"{kind} {name} {n}" for (kind, name), n in allowed.items() if n)
        ALLOWED.write_text("\n".join(head + rows) + "\n")
        return 0

    bad = 0
    for place in sorted(set(found) | set(allowed)):
        kind, name = place
        number, most = len(found[place]), allowed.get(place, 0)
        if number > most:
            bad = 1
            for line in found[place]:
                print(f"{name}:{line}: {kind}" + (f" ({most} of them are allowed)" if most else ""))
        elif number < most and (formats or kind != "format"):
            bad = 1
            print(f"{ALLOWED}: {kind} {name} {most}: only {number} are left")
    return bad


sys.exit(main())
