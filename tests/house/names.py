#!/usr/bin/env python3
"""names.py [FILE...] - what the READMEs name is there: files, functions, constants and make targets.

A name is what stands in backquotes, and each "make TARGET" of a code block. A file may be named from the top, from
the README's directory, from a directory below it, or by its name alone. A function, or another word with an
underscore, must be a word of some source. What has NAME, N, CURVE or TARGET in it is a pattern and no name. Without
FILE: all READMEs.
"""
import os
import pathlib
import re
import sys

SOURCES = "lib include daemon tests bench .packaging".split()
IS_FILE = re.compile(r"[\w@.+-]+(/[\w@.+-]+)*\.(c|h|cc|sh|py|mk|md|pml|svg|def|map|inc|service|yaml|bash|gp|allowed)$")
IS_PATH = re.compile(r"(\.?[\w@+-][\w@.+-]*)(/[\w@.+-]+)*/?$")
IS_WORD = re.compile(r"(struct |enum )?([A-Za-z]\w*_\w+)(\(.*\))?$")
IS_PATTERN = re.compile(r"(?<![A-Z])(NAME|CURVE|TARGET|N)(?![A-Z])")


def tree():
    for top, directories, files in os.walk("."):
        directories[:] = [d for d in directories if d not in (".git", "build")]
        for name in directories + files:
            yield os.path.relpath(os.path.join(top, name))


def is_text(path):
    """Whether a word of this file counts: not one of a README, nor one of this check and its own test."""
    return os.path.isfile(path) and not re.search(r"corpus/|tests/house/|\.md$|\.svg$|\.abi$", path)


def spans(text):
    """(line number, name) for each name in backquotes, (line number, command) for each line of a code block."""
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            inside = not inside
        elif inside or line.startswith("    "):
            if line.strip().startswith("make "):
                yield number, line.split("#")[0].strip()
        else:
            for name in re.findall(r"`([^`]+)`", line):
                yield number, name


def is_room(name):
    """Whether name is a directory of the sources, at the top or one below."""
    return any(os.path.isdir(os.path.join(top, name)) for top in [".", *SOURCES]) and name != "build"


def is_there(name, paths, words, targets):
    if IS_PATTERN.search(name):
        return True
    if name.startswith("make "):
        goals = [word for word in name.split(" &&")[0].split() if re.fullmatch(r"[a-z][a-z0-9-]*", word)]
        return all(goal in targets for goal in goals)
    match = IS_PATH.match(name)
    if IS_FILE.match(name) or (match and "/" in name and is_room(match.group(1))):
        end = name.rstrip("/")
        return any(path == end or path.endswith("/" + end) for path in paths)
    match = IS_WORD.match(name)
    return not match or match.group(2) in words


def main():
    paths = sorted(tree())
    texts = [pathlib.Path(p).read_text(errors="replace") for p in paths if p.split("/")[0] in SOURCES and is_text(p)]
    makefiles = [pathlib.Path(p).read_text() for p in paths if p == "Makefile" or p.endswith(".mk")]
    words = set(re.findall(r"\w+", "\n".join(texts + makefiles)))
    targets = {"make"} | set(re.findall(r"^## ([a-z0-9-]+) - ", "\n".join(makefiles), re.M))
    for line in re.findall(r"^(?:\.PHONY)?([a-z0-9 -]*):(?!=)(.*)", "\n".join(makefiles), re.M):
        targets.update(line[0].split() or line[1].split())
    bad = 0
    for path in sys.argv[1:] or [p for p in paths if os.path.basename(p) == "README.md"]:
        for number, name in spans(pathlib.Path(path).read_text()):
            if not is_there(name, paths, words, targets):
                print(f"{path}:{number}: there is no {name}")
                bad += 1
    return bad > 0


sys.exit(main())
