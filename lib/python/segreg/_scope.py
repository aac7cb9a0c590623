"""The with statement, for the classes of this package."""

from __future__ import annotations

from types import TracebackType
from typing import Optional, Type, TypeVar

S = TypeVar("S", bound="Scope")


class Scope:
    """An object whose with statement ends it."""

    def _end(self, error: Optional[BaseException]) -> None:
        """The with statement ends. error: the exception that its body raised."""
        raise NotImplementedError

    def __enter__(self: S) -> S:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self._end(error)


class ClosingScope(Scope):
    """A Scope that close() ends. close() raises BufferError while a view of its memory is in use."""

    def close(self) -> object:
        """Close it."""
        raise NotImplementedError

    def _leave(self) -> None:
        """Leave the memory to its views: the body has raised an exception, which BufferError would hide."""

    def _end(self, error: Optional[BaseException]) -> None:
        try:
            self.close()
        except BufferError:
            if error is None:
                raise
            self._leave()
