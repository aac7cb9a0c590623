"""segreg-python(7): its examples do what the page says, and it has the names of the package."""

import importlib.util
import os
import pathlib
import re
import struct
import subprocess
import sys
import unittest

import segreg
from segreg import _errors
from support import PACKAGE, ROOT, World

PAGE = (PACKAGE / "segreg-python.7").read_text()


def blocks(text):
    """The literal blocks of a page, as the reader sees them."""
    return [block.replace("\\e", "\\") for block in re.findall(r"^\.Bd -literal\n(.*?)^\.Ed\n", text, re.S | re.M)]


class Manual(World):
    def run_example(self, text):
        """Run a program, whose engine is in this world. Returns what it prints."""
        program = pathlib.Path(self.root, "example.py")
        program.write_text(text.replace("/var/lib/engine", self.root))
        ended = subprocess.run(
            [sys.executable, "-X", "dev", "-W", "error", str(program)],
            env={**os.environ, "PYTHONPATH": str(PACKAGE)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        self.assertEqual((ended.returncode, ended.stderr), (0, ""), text)
        return ended.stdout

    @unittest.skipUnless(importlib.util.find_spec("numpy"), "numpy is not installed")
    def test_readme(self):
        """the Python example of README.md runs"""
        self.add(42, {"vectors": struct.pack("<4f", 1, 2, 3, 4)})
        self.write("2026/seg-43", {})
        text = re.search(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.S | re.M)[1]
        self.assertEqual(self.run_example(text), "2.5\n42 seg-42\n")
        self.assertEqual((self.reg.state(42), self.reg.state(43)), (segreg.State.PENDING, segreg.State.LIVE))

    def test_examples(self):
        """the examples of segreg-python(7), one after the other, print what the page says"""
        self.reg.close()
        self.remove()
        os.mkdir(self.root)
        found = blocks(PAGE.partition(".Sh EXAMPLES")[2])
        self.assertEqual(len(found) % 2, 0)
        for text, printed in zip(found[::2], found[1::2]):
            self.assertEqual(self.run_example(text), printed.replace("/var/lib/engine", self.root), text)

    def test_errors(self):
        """the table of errors has each class, its code and the builtin class"""
        rows = re.findall(r"^\.It Li (\w+Error) Ta (\w+) Ta(?: Li (\w+))?", PAGE, re.M)
        classes = [cls.__name__ for cls in _errors.BY_CODE.values()]
        self.assertEqual({name for name, _, _ in rows}, {*classes, "ClosedError"})
        for name, code, builtin in rows:
            cls = getattr(segreg, name)
            if name != "ClosedError":
                self.assertIn(f"SEGREG_E_{code}:", cls.__doc__)
            bases = [base.__name__ for base in cls.__mro__[1:] if not base.__name__.startswith("_")]
            own = [base for base in bases if base not in ("Error", "Exception", "BaseException", "object")]
            self.assertEqual(builtin, own[0] if own else "", name)

    def test_methods(self):
        """the page names each public method of a registry"""
        for name in dir(segreg.Registry):
            if not name.startswith("_") and name not in ("closed", "base", "directory", "sweep_wake"):
                self.assertRegex(PAGE, rf"\b{name}\b")


if __name__ == "__main__":
    unittest.main()
