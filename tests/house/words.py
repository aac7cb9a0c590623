#!/usr/bin/env python3
"""words.py - prose that a stranger has to read twice.

Reads the comments of the sources and scripts, the docstrings, the manuals and the READMEs. It finds two things: words
that hide who acts, how much, or what a sentence refers to; and sentences of more than 25 words. words.allowed lists the
places that are left, as FILE, KIND, NUMBER. A place that has fewer by now must be taken off the list, so the list only
shrinks. With --list: print what the list would have to be.
"""
import ast
import collections
import re
import subprocess
import sys

LONGEST = 25
HIDING = re.compile(
    r"\b(so many|so long|likewise|as the first|none is to be had|(is|are|was|were|been) (said|told)|tells? of"
    r"|(is|are) to be had|whoever|he|him|his|himself)\b|\b(for|by|of|to|with|from|than) who\b|^\W*The same\b", re.I)
FILES = ("lib", "include", "daemon", "bench", "README.md", "CHANGELOG.md", "tests")


def comments(text):
    """The comments of a C file, each as (line, text)."""
    for match in re.finditer(r"/\*(.*?)\*/", text, re.S):
        body = re.sub(r"^[ \t]*\* ?", "", match[1], flags=re.M)
        yield text.count("\n", 0, match.start()) + 1, body


def remarks(text):
    """The comments of a script, joined where one line follows the other."""
    for match in re.finditer(r"(?:^[ \t]*#(?!!).*\n)+", text, re.M):
        yield text.count("\n", 0, match.start()) + 1, re.sub(r"^[ \t]*# ?", "", match[0], flags=re.M)


def strings(text):
    """The docstrings of a Python program, each as (line, text)."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node):
            yield node.body[0].lineno, ast.get_docstring(node)


def paragraphs(text, roff):
    """Prose of a manual or a README, paragraph by paragraph; tables, code and requests are left out."""
    code = False
    start, lines = 1, []
    for number, line in enumerate(text.split("\n") + [""], 1):
        if line.startswith(("```", ".nf", ".EX", ".fi", ".EE")):
            code = not code
            line = ""
        if roff and re.match(r"\.(BR?|IR?|RB|RI|BI|IB)\s", line):
            line = re.sub(r'^\.\w+\s+|"', "", line)
        elif code or line.startswith(("    ", "\t", "|", ".", "'", "#")) or not line.strip():
            if lines:
                yield start, "\n".join(lines)
            lines = []
            continue
        if not lines:
            start = number
        lines.append(re.sub(r"\\f.|\\", "", line) if roff else line)


def sentences(text):
    """Sentences of a text without its drawings and lists: a blank line, an indented line or a bullet ends one."""
    text = re.sub(r"\n[ \t]*\n|\n(?=[ \t]{3,}|[ \t]*[-*0-9]+[.)]? )", " . ", text)
    return re.split(r"(?<=[.!?])[)\"']?\s+", text)


def faults(path, text):
    is_code = path.endswith((".c", ".h", ".cc", ".hpp", ".pml"))
    if is_code:
        blocks = comments(text)
    elif path.endswith(".py"):
        blocks = [*remarks(text), *strings(text)]
    elif path.endswith(".sh") or text.startswith("#!"):
        blocks = remarks(text)
    elif re.search(r"\.[1-8]$", path):
        blocks = paragraphs(text, True)
    elif path.endswith(".md"):
        blocks = paragraphs(text, False)
    else:
        return
    for line, block in blocks:
        block = re.sub(r'"[^"\n]{1,40}"', '"..."', block)  # a word that is quoted is not used
        for match in HIDING.finditer(block):
            yield line + block.count("\n", 0, match.start()), "word", match[0].strip()
        if is_code and re.search(r" {6,}\S.*\n.* {6,}\S|^ {3,}", block, re.M):
            block = "\n".join(row for row in block.split("\n") if not re.match(r" {3,}|.*\S {3,}\S", row))
        for sentence in sentences(block):
            words = re.findall(r"[\w.,()/*<>=+-]*\w[\w()]*", sentence)
            if len(words) > LONGEST:
                yield line, "long", f"{len(words)} words: {' '.join(words[:8])} ..."


def main():
    git = subprocess.run(["git", "ls-files", "--", *FILES], capture_output=True, text=True, check=False)
    listed = git.stdout.split()
    found = collections.Counter()
    places = collections.defaultdict(list)
    for path in listed:
        try:
            text = open(path, encoding="utf-8").read()
        except (OSError, UnicodeDecodeError):
            continue
        for line, kind, what in faults(path, text):
            found[path, kind] += 1
            places[path, kind].append(f"{path}:{line}: {what}")
    if sys.argv[1:] == ["--list"]:
        for (path, kind), n in sorted(found.items()):
            print(f"{path}\t{kind}\t{n}")
        return 0
    if sys.argv[1:2] == ["--show"]:
        for key in sorted(places):
            if key[0].startswith(tuple(sys.argv[2:]) or ""):
                print("\n".join(places[key]))
        return 0
    allowed = collections.Counter()
    with open("tests/house/words.allowed", encoding="utf-8") as rows:
        for row in rows:
            path, kind, n = row.split("\t")
            allowed[path, kind] = int(n)
    bad = 0
    for key in sorted(set(found) | set(allowed)):
        if found[key] > allowed[key]:
            bad += 1
            print("\n".join(places[key]))
        elif found[key] < allowed[key]:
            bad += 1
            print(f"{key[0]}: {found[key]} of {allowed[key]} are left: lower its number in tests/house/words.allowed")
    return bad > 0


sys.exit(main())
