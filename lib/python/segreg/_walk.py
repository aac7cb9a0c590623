"""Walks: calls of the library that call a function of the caller for each thing that they find.

An exception in a callback ends the walk, and the call raises it again. A signal makes this less simple than it looks.
Python runs signal handlers before the first instruction of a function, so KeyboardInterrupt can be raised there, before
any try. ctypes can only print such an exception, and the library would continue. A generator that stands at a yield in
a try has no such gap. So the library calls a generator, by GeneratorType.send and next, which are written in C.
"""

from __future__ import annotations

from typing import Any, Callable, Generator, List, Optional, TypeVar

T = TypeVar("T")

_END = object()


def _steps(
    make: Callable[[Any], T], each: Callable[[T], object], failures: List[BaseException]
) -> Generator[int, Any, None]:
    """Yields what the library's callback returns. Gets a pointer to a struct, None from a sweep's stop, or _END."""
    answer = 0
    try:
        while True:
            item = yield answer
            if item is _END:
                return
            if item is not None and each(make(item.contents)):
                answer = 1
    except BaseException as error:
        failures.append(error)
    while (yield 1) is not _END:
        pass


def walk(call: Callable[[Any], object], make: Callable[[Any], T], each: Optional[Callable[[T], object]]) -> List[T]:
    """Let call make a walk; its argument is what the library hands on to the callbacks.

    Returns what the walk found as a list, or an empty list if each got it instead.
    """
    found: List[T] = []
    failures: List[BaseException] = []
    steps = _steps(make, found.append if each is None else each, failures)
    next(steps)
    try:
        call(steps)
    finally:
        try:
            steps.send(_END)
        except StopIteration:
            pass
        if failures:
            raise failures.pop()
    return found
