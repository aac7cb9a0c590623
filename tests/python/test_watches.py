"""Watches: descriptors for event loops."""

import asyncio
import os
import select
import selectors

import segreg
from support import World


class Watches(World):
    def test_watch(self):
        """a watch is readable after a new version, until it is cleared; its descriptor ends with it"""

        def is_readable(watch):
            return bool(select.select([watch], [], [], 0)[0])

        with self.reg.watch(version=True) as watch, segreg.open(self.directory) as other:
            self.assertFalse(is_readable(watch))
            self.write("seg-1", {})
            other.register(1, "seg-1")
            self.assertTrue(select.select([watch], [], [])[0])
            watch.clear()
            self.assertFalse(is_readable(watch))
            fd = watch.fileno()
        self.assertTrue(watch.closed)
        with self.assertRaises(OSError):
            os.fstat(fd)
        watch.close()
        with self.assertRaises(ValueError):
            watch.fileno()
        with self.reg.watch(sweep=True) as watch:
            with segreg.open(self.directory) as other:
                other.retire(1)
                late = other.watch(version=True)
            self.assertTrue(select.select([watch], [], [])[0])
            fd = late.fileno()
            with self.assertRaises(segreg.ClosedError):
                late.clear()
            late.close()
            with self.assertRaises(OSError):
                os.fstat(fd)
        with self.assertRaises(segreg.InvalidError):
            self.reg.watch()

    def test_watch_in_asyncio(self):
        """asyncio and selectors take a watch as a file: each edit of another handle arrives, and no wait has a limit"""

        async def follow():
            loop, changed, seen = asyncio.get_running_loop(), asyncio.Event(), []
            with self.reg.watch(version=True) as watch, segreg.open(self.directory) as other:
                loop.add_reader(watch, lambda: (watch.clear(), changed.set()))
                for number in range(1, 4):
                    await asyncio.to_thread(self.write, f"seg-{number}", {})
                    await asyncio.to_thread(other.register, number, f"seg-{number}")
                    await changed.wait()
                    changed.clear()
                    seen.append(self.reg.version)
                loop.remove_reader(watch)
            return seen

        first = self.reg.version
        self.assertEqual(asyncio.run(follow()), [first + 1, first + 2, first + 3])
        with self.reg.watch(version=True) as watch, selectors.DefaultSelector() as selector:
            key = selector.register(watch, selectors.EVENT_READ)
            with segreg.open(self.directory) as other:
                other.retire(1)
            self.assertEqual([found.fileobj for found, _ in selector.select()], [watch])
            self.assertEqual(key.fd, watch.fileno())
