"""Exceptions: one class for each code of the header."""

import errno
import pickle
import re
import unittest

import segreg
from segreg import _errors
from support import ROOT, World


def codes_of_header():
    text = (ROOT / "include" / "segreg.h").read_text()
    return {int(code): name for name, code in re.findall(r"^\s*X\((\w+), (-\d+), ", text, re.M)}


class Errors(World):
    def test_each_code(self):
        """each code of segreg.h has one exception class, whose docstring names it"""
        codes = codes_of_header()
        self.assertGreaterEqual(len(codes), 20)
        self.assertEqual(set(codes), set(_errors.BY_CODE))
        for code, name in codes.items():
            cls = _errors.BY_CODE[code]
            self.assertTrue(issubclass(cls, segreg.Error))
            self.assertIn(f"SEGREG_E_{name}:", cls.__doc__)
            self.assertIs(getattr(segreg, cls.__name__), cls)
            error = _errors.error_of(code, "text")
            self.assertEqual((type(error), error.code, str(error)), (cls, code, "text"))

    def test_builtins(self):
        """errors are caught by the builtin classes that fit, with errno, and survive pickling"""
        for cls, builtin, number in (
            (segreg.NotFoundError, FileNotFoundError, errno.ENOENT),
            (segreg.ExistsError, FileExistsError, errno.EEXIST),
            (segreg.TimedOutError, TimeoutError, errno.ETIMEDOUT),
            (segreg.AccessError, PermissionError, errno.EACCES),
            (segreg.NoSpaceError, OSError, errno.ENOSPC),
            (segreg.BusyError, OSError, errno.EBUSY),
            (segreg.SystemCallError, OSError, None),
            (segreg.InvalidError, ValueError, None),
            (segreg.PathError, ValueError, None),
            (segreg.NoMemoryError, MemoryError, None),
            (segreg.ClosedError, ValueError, None),
        ):
            error = cls("words")
            self.assertIsInstance(error, builtin)
            self.assertEqual(getattr(error, "errno", None), number)
            again = pickle.loads(pickle.dumps(error))
            self.assertEqual((type(again), str(again), again.code), (cls, "words", error.code))
            self.assertEqual(getattr(again, "errno", None), number)

    def test_text(self):
        """the text is all of segreg_last_error, and the code the library's"""
        with self.assertRaises(segreg.NotFoundError) as caught:
            self.reg.pin(99)
        self.assertEqual(str(caught.exception), "segment 99 is not registered")
        self.assertEqual(caught.exception.code, -2)
        with self.assertRaises(segreg.NotFoundError) as caught:
            segreg.open(self.base + "/absent")
        self.assertIn(self.base + "/absent", str(caught.exception))

    def test_unknown_code(self):
        """a code of a newer library is an Error with that code"""
        error = _errors.error_of(-99, "news")
        self.assertEqual((type(error), error.code, str(error)), (segreg.Error, -99, "news"))
        again = pickle.loads(pickle.dumps(error))
        self.assertEqual((again.code, str(again)), (-99, "news"))

    def test_unknown_value(self):
        """a value that a newer library adds to an enum is kept, with a name that tells"""
        state = segreg.State(77)
        self.assertEqual((state, state.name, state.value), (77, "UNKNOWN_77", 77))
        self.assertIsInstance(state, segreg.State)
        self.assertNotIn(state, list(segreg.State))


if __name__ == "__main__":
    unittest.main()
