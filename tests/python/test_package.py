"""How the package comes to a machine: types, wheels, pip without a network, make install-python, the right library."""

import importlib.util
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest
import zipfile

import segreg
from segreg import _native
from support import PACKAGE, ROOT

BUILD = os.environ.get("LD_LIBRARY_PATH", "")


class Package(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="segreg-package-"))
        self.addCleanup(shutil.rmtree, self.scratch)

    def run_(self, *command, env=None, cwd=None, status=0):
        """Run a command, which must end with status. Returns what it prints."""
        unwanted = ("PYTHON", "PIP_", "MAKE", "MFLAGS")
        clean = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
        ended = subprocess.run(
            [str(word) for word in command],
            env={**clean, **(env or {})},
            cwd=cwd or self.scratch,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        self.assertEqual(ended.returncode, status, ended.stdout)
        return ended.stdout

    def names(self, below):
        """The files below a directory, without what Python compiles."""
        paths = (path.relative_to(below) for path in below.rglob("*") if path.is_file())
        return sorted(str(path) for path in paths if "__pycache__" not in path.parts)

    def test_types(self):
        """mypy finds no fault in the package, and sees the types of a program that uses it"""
        if not shutil.which("mypy"):
            self.skipTest("mypy is not installed")
        mypy = ["mypy", "--strict", "--no-error-summary", "--cache-dir", self.scratch / "cache"]
        self.assertEqual(self.run_(*mypy, PACKAGE / "segreg"), "")
        program = self.scratch / "program.py"
        program.write_text(
            "import segreg\n"
            "with segreg.open('x', create=True) as registry, registry.pin(1) as pin:\n"
            "    reveal_type(pin.path)\n"
            "    reveal_type(registry.receive(pin.offer()))\n"
            "    reveal_type([entry.born for entry in registry.snapshot()])\n"
            "    registry.pin('one')\n"
        )
        mypy = ["mypy", "--no-error-summary", "--cache-dir", self.scratch / "cache"]
        printed = self.run_(*mypy, program, env={"MYPYPATH": str(PACKAGE)}, status=1)
        for words in ('"builtins.str"', '"segreg._holds.Pin"', '"builtins.list[builtins.int]"', 'expected "int"'):
            self.assertIn(words, printed)

    def backend(self):
        spec = importlib.util.spec_from_file_location("build_wheel", PACKAGE / "build_wheel.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    def test_wheel(self):
        """a wheel has the package whole, and the same bytes each time; its source archive builds it again"""
        backend = self.backend()
        self.assertEqual(backend.VERSION, segreg.__version__)
        wheels = []
        for name in ("first", "second"):
            (self.scratch / name).mkdir()
            wheel = backend.build_wheel(str(self.scratch / name))
            wheels.append((self.scratch / name / wheel).read_bytes())
        self.assertEqual(wheels[0], wheels[1])
        self.assertEqual(wheel, f"segreg-{segreg.__version__}-py3-none-any.whl")
        found = zipfile.ZipFile(self.scratch / "first" / wheel).namelist()
        package = sorted(name for name in found if name.startswith("segreg/"))
        self.assertEqual(package, [f"segreg/{name}" for name in self.names(PACKAGE / "segreg")])
        self.assertIn("segreg/py.typed", package)
        archive = backend.build_sdist(str(self.scratch))
        shutil.unpack_archive(self.scratch / archive, self.scratch / "unpacked")
        (self.scratch / "third").mkdir()
        self.run_(
            sys.executable,
            "-c",
            f"import build_wheel; build_wheel.build_wheel({str(self.scratch / 'third')!r})",
            cwd=self.scratch / "unpacked" / f"segreg-{segreg.__version__}",
        )
        self.assertEqual((self.scratch / "third" / wheel).read_bytes(), wheels[0])

    def test_pip(self):
        """"pip install ./lib/python" and "pip install --editable" work without a network"""
        if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
            self.skipTest("python3-venv is not installed")
        offline = {"PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        offline.update({"HOME": str(self.scratch), "PYTHONDONTWRITEBYTECODE": "1"})
        before = set(PACKAGE.rglob("*"))
        program = "import segreg; print(segreg.__version__, segreg.library_version())"
        venv = self.scratch / "venv"
        self.run_(sys.executable, "-m", "venv", venv)
        for options in (["./lib/python"], ["--no-build-isolation", "--editable", "./lib/python"]):
            self.run_(venv / "bin/pip", "install", *options, env=offline, cwd=ROOT)
            printed = self.run_(venv / "bin/python", "-B", "-c", program)
            self.assertEqual(printed.split(), [segreg.__version__] * 2)
            self.assertIn(f"Version: {segreg.__version__}", self.run_(venv / "bin/pip", "show", "segreg", env=offline))
        self.assertEqual(set(PACKAGE.rglob("*")), before)

    def test_install(self):
        """make install-python installs what a wheel has, and the manual page; make uninstall takes it away"""
        root = self.scratch / "root"
        settings = [f"DESTDIR={root}", "PREFIX=/usr", f"BUILD={BUILD}"]
        self.run_("make", "-s", "-C", ROOT, "install-python", *settings)
        installed = self.names(root)
        below = "usr/lib/python3/dist-packages"
        wanted = [f"{below}/segreg/{name}" for name in self.names(PACKAGE / "segreg")]
        wanted += [f"{below}/segreg-{segreg.__version__}.dist-info/METADATA", "usr/share/man/man7/segreg-python.7"]
        self.assertEqual(installed, sorted(wanted))
        program = "import importlib.metadata as m, segreg; print(m.version('segreg'), segreg.__file__)"
        printed = self.run_(sys.executable, "-B", "-c", program, env={"PYTHONPATH": str(root / below)})
        self.assertEqual(printed.split(), [segreg.__version__, str(root / below / "segreg/__init__.py")])
        self.run_("make", "-s", "-C", ROOT, "uninstall", *settings)
        self.assertEqual(self.names(root), [])


class Library(unittest.TestCase):
    """Another library than the package needs: an ImportError that names it, and the way out."""

    def import_with(self, source):
        """What "import segreg" says with a library of this source. None: there is none."""
        compiler = shlex.split(os.environ.get("CC", "cc"))
        if not shutil.which(compiler[0]):
            self.skipTest("there is no C compiler")
        scratch = pathlib.Path(tempfile.mkdtemp(prefix="segreg-library-"))
        self.addCleanup(shutil.rmtree, scratch)
        library = scratch / _native.SONAME
        if source is None:
            library.write_text("not a library")
        else:
            (scratch / "other.c").write_text(source)
            subprocess.run([*compiler, "-shared", "-fPIC", "-o", library, scratch / "other.c"], check=True)
        ended = subprocess.run(
            [sys.executable, "-c", "import segreg"],
            env={**os.environ, "LD_LIBRARY_PATH": str(scratch), "PYTHONPATH": str(PACKAGE)},
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        self.assertEqual(ended.returncode, 1)
        last = ended.stderr.splitlines()[-1]
        self.assertTrue(last.startswith("ImportError: "), ended.stderr)
        self.assertIn("apt-get install libsegreg0", last)
        return last, str(library)

    def test_older(self):
        """an older library is refused before any other call, with its path and both versions"""
        words, library = self.import_with('const char *segreg_version_string(void) { return "0.0.9"; }')
        self.assertIn(f"{library} is segreg 0.0.9, and the Python package segreg {segreg.__version__} needs", words)

    def test_without_a_call(self):
        """a library that lacks a call is refused, and the call named"""
        words, library = self.import_with('const char *segreg_version_string(void) { return "9.0.0"; }')
        self.assertIn(f"{library} has no segreg_strerror", words)

    def test_another(self):
        """a library of that name that is not segreg's, or no library, is refused"""
        words, library = self.import_with("int x;")
        self.assertIn(f"{library} is not the library of segreg", words)
        words, _ = self.import_with(None)
        self.assertIn("cannot load libsegreg.so.0", words)

    def test_newer(self):
        """a newer library is taken"""

        class Newer:
            """All calls of the library, and a later version."""

            def __getattr__(self, name):
                return getattr(_native.lib, name)

            @staticmethod
            def segreg_version_string():
                return b"0.10.0"

        self.assertGreater(_native.numbers_of("0.10.0"), _native.numbers_of("0.9.9"))
        _native.declare(Newer())


if __name__ == "__main__":
    unittest.main()
