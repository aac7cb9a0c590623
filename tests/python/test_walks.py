"""Callbacks and signals: exceptions of a callback end the walk and are raised again, wherever a signal raises them."""

import gc
import os
import signal
import threading
import traceback
import unittest

import segreg
from support import Thread, World, eventually


class Stop(Exception):
    """What a callback of a test raises."""


class Walks(World):
    def setUp(self):
        super().setUp()
        for id in range(1, 4):
            self.add(id)
        self.reg.retire(3)
        self.snapshot = self.reg.snapshot()
        self.addCleanup(lambda: self.snapshot.release())

    def walks(self):
        """Each call with a callback, as a function of that callback."""
        return {
            "segments": self.reg.segments,
            "retired": self.reg.retired,
            "holders": lambda each: self.reg.holders(1, each),
            "lanes": self.reg.lanes,
            "snapshot": lambda each: self.snapshot.list(each=each),
            "log": self.reg.log,
            "check": self.reg.check,
            "debug": lambda each: segreg.debug(self.directory, each),
            "sweep": lambda each: self.reg.sweep(each, dry_run=True),
        }

    def prepare(self):
        """Give each walk something to find."""
        self.write("stranger", {})
        self.add(4)
        self.reg.retire(4)
        self.reg.sweep(limit=1)
        return self.reg.pin(1)

    def test_exceptions(self):
        """an exception of a callback ends the walk at once and is the call's, traceback and all"""
        with self.prepare():
            for name, walk in self.walks().items():
                for kind in (Stop, KeyboardInterrupt, SystemExit, GeneratorExit, StopIteration):
                    seen = []

                    def each(item):
                        seen.append(item)
                        raise kind(name)

                    try:
                        walk(each)
                        self.fail(f"{name} raises nothing")
                    except kind as error:
                        self.assertEqual((len(seen), error.args), (1, (name,)), name)
                        frames = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
                        self.assertEqual((frames[0], frames[-1]), ("test_exceptions", "each"))

    def test_end(self):
        """a true value ends the walk, a false value does not, and each call's list is empty then"""
        with self.prepare():
            for name, walk in self.walks().items():
                seen = []
                walk(lambda item: seen.append(item) or True)
                self.assertEqual(len(seen), 1, name)
                everything = []
                self.assertIn(walk(everything.append), ([], self.reg.sweep(dry_run=True)))
                self.assertGreaterEqual(len(everything), 1, name)

    def test_calls_inside(self):
        """a callback may call the library, walks included, and threads may walk at once"""
        def look(depth):
            ids = []

            def each(info):
                ids.append(info.id)
                if depth:
                    self.assertEqual(look(depth - 1), [1, 2, 3])
                with self.reg.pin(info.id):
                    self.assertGreaterEqual(self.reg.refcount(info.id), 1)

            self.reg.segments(each)
            return sorted(ids)

        for thread in [Thread(look, 2) for _ in range(4)]:
            self.assertEqual(thread.join(), [1, 2, 3])

    def test_close_inside(self):
        """a callback cannot close the registry whose call it serves"""
        with self.assertRaisesRegex(segreg.BusyError, "callback"):
            self.reg.sweep(lambda event: self.reg.close())
        self.assertFalse(self.reg.closed)
        self.reg.retire(2)
        with self.assertRaisesRegex(segreg.BusyError, "sweep"):
            self.reg.sweep(lambda event: self.reg.sweep())

    def test_garbage(self):
        """a walk leaves no garbage for the collector, also after an exception"""
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        for _ in range(3):
            self.reg.segments()
            self.reg.sweep(lambda event: None, dry_run=True)
        self.assertEqual(gc.collect(), 0)

    def test_signals(self):
        """a signal handler's exception is never lost, wherever a walk is when the signal comes"""
        caught, raised = 0, []

        def on_alarm(number, frame):
            raised.append(number)
            raise Stop

        before = signal.signal(signal.SIGALRM, on_alarm)
        self.addCleanup(signal.signal, signal.SIGALRM, before)
        for id in range(10, 60):
            self.add(id)
        while caught < 200:
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.0003)
                while len(raised) == caught:
                    self.reg.segments()
                self.fail(f"after {caught} signals, an exception was lost")
            except Stop:
                caught += 1
        self.assertEqual(self.unraisable, [])
        self.assertEqual(len(self.reg.segments()), 53)


class Interrupts(World):
    def setUp(self):
        super().setUp()
        before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores SIGINT
        self.addCleanup(signal.signal, signal.SIGINT, before)

    def interrupted(self, function, *args, once=lambda: True):
        """Call function. Ctrl-C comes when it is in the library and once() is true: it must raise KeyboardInterrupt."""
        main = threading.get_ident()

        def interrupt():
            eventually(lambda: main in self.reg._handle._running and once())
            signal.pthread_kill(main, signal.SIGINT)

        thread = Thread(interrupt)
        with self.assertRaises(KeyboardInterrupt):
            function(*args)
            thread.join()
        thread.join()
        self.assertEqual(self.reg._handle._running, {})

    def test_wait(self):
        """KeyboardInterrupt ends a wait for a version that never comes"""
        self.interrupted(self.reg.wait, self.reg.version)
        self.add(1)
        self.assertEqual(self.reg.wait(0), 1)

    def test_sweep_wait(self):
        """KeyboardInterrupt ends a wait for something to sweep"""
        self.interrupted(self.reg.sweep_wait, self.reg.sweep_wait())

    def test_sweep(self):
        """KeyboardInterrupt ends a sweep amid a deletion, and the next sweep finishes it"""
        self.write("seg-1", {str(n): b"" for n in range(50)})
        self.reg.register(1, "seg-1")
        self.reg.retire(1)
        trash = os.path.join(self.base, ".segreg-trash")
        self.interrupted(lambda: self.reg.sweep(pace_files=1), once=lambda: os.path.isdir(trash) and os.listdir(trash))
        self.assertIs(self.reg.state(1), segreg.State.DELETING)
        self.assertEqual(self.reg.sweep(retry_now=True).deleted, 1)
        self.assertEqual(os.listdir(trash), [])


if __name__ == "__main__":
    unittest.main()
