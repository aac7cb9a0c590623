"""Ends: what is dropped, collected in any order, or left at the end of the process."""

import gc
import os
import subprocess
import sys
import warnings

import segreg
from support import PACKAGE, World


class Ends(World):
    def setUp(self):
        super().setUp()
        self.add(1)

    def test_dropped(self):
        """a pin, a snapshot, an edit and a registry that are dropped are released, with a ResourceWarning"""
        other = segreg.open(self.directory)
        for drop, words in (
            (lambda: other.pin(1), "Pin of segment 1> was not released"),
            (lambda: other.snapshot(), "Snapshot: a snapshot of version 1> was not released"),
        ):
            with self.assertWarnsRegex(ResourceWarning, words):
                drop()
        other.edit()
        self.assertEqual((self.reg.refcount(1), other._handle.edits), (0, {}))
        with self.assertWarnsRegex(ResourceWarning, "registry .* was not closed"):
            del other
            gc.collect()
        self.assertEqual(self.lanes(), 1)

    def test_pin_keeps_registry(self):
        """a pin whose registry was dropped, not closed, is held until it is released"""
        pin = segreg.open(self.directory).pin(1)
        gc.collect()
        self.assertEqual((pin.held, self.reg.refcount(1)), (True, 1))
        pin.release()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            del pin
        self.assertEqual(self.lanes(), 1)

    def test_collected_after_close(self):
        """what is collected after its registry was closed does nothing, and warns of nothing"""
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            other = segreg.open(self.directory)
            held = [other.pin(1), other.pin_many([1, 1]), other.snapshot(), other.edit(), other.map(1, "data")]
            self.assertEqual(other.close(), 3)
            self.assertTrue(held[-1].closed)
            with self.assertRaises(segreg.ClosedError):
                held[0].path
            with self.assertRaises(segreg.InvalidError):
                held[3].retire(1)
            del other
            held.clear()
            gc.collect()
        self.assertEqual(self.unraisable, [])
        self.assertEqual((self.reg.refcount(1), self.lanes()), (0, 1))

    def test_collected_in_any_order(self):
        """a cycle of a registry and what it holds is collected whole"""
        for order in (0, 1):
            other = segreg.open(self.directory)
            cycle = [other, other.pin(1), other.snapshot(), other.map(1, "data"), other.edit()]
            cycle[1].cycle = cycle[2].cycle = cycle[3].cycle = cycle[4].cycle = cycle
            other.cycle = cycle
            if order:
                cycle.reverse()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ResourceWarning)
                del other, cycle
                gc.collect()
            self.assertEqual((self.reg.refcount(1), self.lanes(), self.unraisable), (0, 1, []))

    def test_warnings_that_raise(self):
        """a ResourceWarning that the program turned into an exception keeps nothing from being released"""
        other = segreg.open(self.directory)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            other.pin(1)
            other.map(1, "data")
            self.assertEqual(self.reg.refcount(1), 0)
            del other
            gc.collect()
        self.assertEqual([words.partition(":")[0] for words in self.unraisable], ["ResourceWarning"] * 3)
        self.unraisable.clear()
        self.assertEqual(self.lanes(), 1)

    def test_end_of_process(self):
        """a program that ends without closing prints nothing, and its death releases what it held"""
        program = """
import segreg, sys, threading
reg = segreg.open(sys.argv[1])
pin, pins, snapshot, edit, map_ = reg.pin(1), reg.pin_many([1]), reg.snapshot(), reg.edit(), reg.map(1, "data")
view, part = map_.data, map_.data[1:]
reg.cycle = reg
threading.Thread(target=reg.wait, args=(reg.version,), daemon=True).start()
"""
        for flags in ([], ["-X", "dev"], ["-W", "error"]):
            ended = subprocess.run(
                [sys.executable, *flags, "-c", program, self.directory],
                env={**os.environ, "PYTHONPATH": str(PACKAGE)},
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
            self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        self.reg.retire(1)
        result = self.reg.sweep()
        self.assertEqual((result.deleted, result.reclaimed), (1, 3))
