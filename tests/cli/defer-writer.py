"""defer-writer.py DIR FIRST LAST - DeferWriter.java in Python: segments that are written once, and manifests."""
import os
import sys


def names():
    return sorted(name for name in os.listdir(".") if not name.startswith(".segreg"))


def commit(generation, segment):
    with open(f"pending_segments_{generation}", "x", encoding="ascii") as file:
        file.write(segment)
        os.fsync(file.fileno())
    os.rename(f"pending_segments_{generation}", f"segments_{generation}")


def step(generation):
    """Replace the segment of one generation by that of the next. Names come again after ten."""
    old, new = f"_{(generation - 1) % 10}.cfs", f"_{generation % 10}.cfs"
    with open(new, "x", encoding="ascii") as file:
        file.write(f"rows of {generation}")
    commit(generation, new)
    os.remove(old)
    os.remove(f"segments_{generation - 1}")
    assert not os.path.exists(old) and names() == [new, f"segments_{generation}"], names()


def main():
    first, last = int(sys.argv[2]), int(sys.argv[3])
    os.chdir(sys.argv[1])
    if first < 0:
        with open("_0.cfs", "x", encoding="ascii") as file:
            file.write("rows of 0")
        commit(0, "_0.cfs")
    for generation in range(max(first, 0) + 1, last + 1):
        step(generation)
        print(generation, flush=True)


main()
