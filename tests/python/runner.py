#!/usr/bin/env python3
"""runner.py [WORDS...] - run the tests here whose sentences have one of the words, and print "ok ..." for each.

"python3 -m unittest discover -s tests/python" runs them as well, with its own words.
"""

import io
import pathlib
import sys
import unittest
import warnings


class Result(unittest.TextTestResult):
    """Lines as tests/run-check counts them."""

    def sentence(self, test):
        return test.shortDescription() or str(test)

    def addSuccess(self, test):
        print("ok", self.sentence(test), flush=True)

    def addSkip(self, test, reason):
        print(f"skipped {self.sentence(test)}: {reason}", flush=True)

    def addSubTest(self, test, subtest, error):
        if error is not None:
            self.addFailure(subtest, error)

    def addFailure(self, test, error):
        super().addFailure(test, error)
        print("FAILED", self.sentence(test), flush=True)

    def addError(self, test, error):
        super().addError(test, error)
        print("FAILED", self.sentence(test), flush=True)


def chosen(suite, words):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from chosen(test, words)
        elif not words or any(word in f"{test} {test.shortDescription()}" for word in words):
            yield test


def main():
    warnings.simplefilter("default")
    here = pathlib.Path(__file__).resolve().parent
    suite = unittest.TestSuite(chosen(unittest.defaultTestLoader.discover(str(here)), sys.argv[1:]))
    runner = unittest.TextTestRunner(stream=io.StringIO(), verbosity=0, resultclass=Result)
    result = runner.run(suite)
    for test, trace in result.failures + result.errors:
        print(f"\n{test}\n{trace}", flush=True)
    return not (result.wasSuccessful() and result.testsRun)


if __name__ == "__main__":
    sys.exit(main())
