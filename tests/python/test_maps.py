"""Maps: no copy, and no memory that goes away under a view."""

import gc
import os
import unittest

import segreg
from support import World

try:
    import numpy
except ImportError:
    numpy = None

CONTENTS = bytes(range(256)) * 64


def is_mapped(path):
    with open("/proc/self/maps", encoding="utf-8") as maps:
        return path in maps.read()


class Maps(World):
    def setUp(self):
        super().setUp()
        self.add(1, {"data": CONTENTS, "empty": b""})
        self.file = os.path.join(self.base, "seg-1", "data")

    def ended(self):
        """Nothing is mapped, and nothing pinned."""
        self.assertFalse(is_mapped(self.file))
        self.assertEqual(self.reg.refcount(1), 0)

    def test_data(self):
        """data is a read-only memoryview of the mapped file, and close ends it with the pin"""
        descriptors = len(os.listdir("/proc/self/fd"))
        with self.reg.map(1, "data") as map_:
            view = map_.data
            self.assertTrue(is_mapped(self.file))
            self.assertEqual(len(os.listdir("/proc/self/fd")), descriptors)
            self.assertEqual((self.reg.refcount(1), len(map_), map_.closed), (1, len(CONTENTS), False))
            self.assertIs(map_.data, view)
            self.assertEqual((view.readonly, view.format, view.itemsize, view.nbytes), (True, "B", 1, len(CONTENTS)))
            self.assertEqual(bytes(view[1:4]), b"\1\2\3")
            with self.assertRaises(TypeError):
                view[0] = 1
        self.assertTrue(map_.closed)
        self.ended()
        with self.assertRaises(ValueError):
            view[0]
        with self.assertRaisesRegex(ValueError, "'data' of segment 1 is not mapped any more"):
            map_.data
        map_.close()

    def test_empty(self):
        """an empty file is an empty memoryview"""
        with self.reg.map(1, "empty") as map_:
            self.assertEqual((bytes(map_.data), len(map_)), (b"", 0))
            self.assertEqual(self.reg.refcount(1), 1)
        self.ended()

    def test_errors(self):
        """a file that cannot be mapped leaves no pin"""
        for file in ("absent", "../seg-1/data", "a/b"):
            with self.assertRaises(segreg.Error):
                self.reg.map(1, file)
        with self.assertRaises(segreg.PathError):
            self.reg.map(1)  # a directory
        with self.assertRaises(segreg.NotFoundError):
            self.reg.map(2, "data")
        self.ended()

    @unittest.skipUnless(numpy, "numpy is not installed")
    def test_numpy(self):
        """numpy.frombuffer makes no copy, and keeps the map from being closed while the array is there"""
        map_ = self.reg.map(1, "data")
        array = numpy.frombuffer(map_.data, dtype="<u4")
        address = array.__array_interface__["data"][0]
        with open("/proc/self/maps", encoding="utf-8") as maps:
            line = next(line for line in maps if self.file in line)
        self.assertEqual(address, int(line.partition("-")[0], 16))
        self.assertEqual(array[1], 0x07060504)
        part = array[10:20]
        del array
        with self.assertRaisesRegex(BufferError, "'data' of segment 1 is still in use"):
            map_.close()
        self.assertEqual((part[0], self.reg.refcount(1), map_.closed), (0x2B2A2928, 1, False))
        del part
        map_.close()
        self.ended()

    def test_slice(self):
        """a slice of the view keeps the map open; once it is released, the map closes"""
        map_ = self.reg.map(1, "data")
        part = map_.data[4:8]
        for _ in range(2):
            with self.assertRaisesRegex(BufferError, "still in use"):
                map_.close()
        self.assertEqual((bytes(part), bytes(map_.data[:2])), (b"\4\5\6\7", b"\0\1"))
        part.release()
        map_.close()
        self.ended()

    def test_with_statement(self):
        """the end of a with statement raises BufferError while a view is in use"""
        with self.assertRaises(BufferError):
            with self.reg.map(1, "data") as map_:
                part = map_.data[:1]
        self.assertEqual((bytes(part), self.reg.refcount(1)), (b"\0", 1))
        part.release()
        map_.close()
        self.ended()

    def test_exception(self):
        """an exception is not hidden by a BufferError; memory and pin then go with the last view"""
        kept = []
        with self.assertRaises(ZeroDivisionError):
            with self.reg.map(1, "data") as map_:
                kept.append(map_.data[:2])
                raise ZeroDivisionError
        self.assertTrue(map_.closed)
        self.assertEqual((bytes(kept[0]), self.reg.refcount(1)), (b"\0\1", 1))
        kept.clear()
        self.ended()

    def test_dropped(self):
        """a map that was dropped lives on as long as a view of it, and no longer"""
        with self.assertWarnsRegex(ResourceWarning, "was not closed"):
            view = self.reg.map(1, "data").data
            gc.collect()
        self.assertEqual((bytes(view[-2:]), self.reg.refcount(1)), (b"\xfe\xff", 1))
        self.reg.retire(1)
        self.assertEqual(self.reg.sweep().held, 1)
        del view
        self.assertFalse(is_mapped(self.file))
        self.assertEqual(self.reg.sweep().deleted, 1)

    def test_registry(self):
        """a registry closes its maps; while a view is in use, BufferError leaves the registry open"""
        with segreg.open(self.directory) as other:
            maps = [other.map(1, "data") for _ in range(3)]
            part = maps[1].data[:3]
            with self.assertRaisesRegex(BufferError, "in use"):
                other.close()
            self.assertFalse(other.closed)
            self.assertEqual(bytes(part), b"\0\1\2")
            self.assertEqual(other.version, self.reg.version)
            with self.assertWarns(ResourceWarning):
                del maps[1]  # its view lives on
            with self.assertRaisesRegex(BufferError, "stays open"):
                other.close()
            part.release()
        self.assertTrue(all(map_.closed for map_ in maps))
        self.ended()

    def test_registry_and_exception(self):
        """an exception leaves a registry with views in use open until the last view goes"""
        kept = []
        with self.assertRaises(ZeroDivisionError):
            with segreg.open(self.directory) as other, other.map(1, "data") as map_:
                kept.append(map_.data[:2])
                raise ZeroDivisionError
        del other, map_
        self.assertEqual((bytes(kept[0]), self.reg.refcount(1), self.lanes()), (b"\0\1", 1, 2))
        kept.clear()
        gc.collect()
        self.assertEqual(self.lanes(), 1)
        self.ended()


if __name__ == "__main__":
    unittest.main()
