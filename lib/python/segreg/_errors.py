"""Errors: one class for each SEGREG_E_* of segreg.h, all below Error."""

from __future__ import annotations

import errno
from typing import Dict, Optional, Type


class Error(Exception):
    """A call of the library failed.

    The text names what was asked, what was found and what to do: it is all of segreg_last_error(3). The member code is
    the number of SEGREG_E_*. A code that this package does not know, from a newer library, raises Error itself.
    """

    code: int = 0


class _WithErrno(Error, OSError):
    """An error that is also an OSError, whose errno tells the kind of the failure."""

    _errno: Optional[int] = None

    def __init__(self, text: str = "") -> None:
        super().__init__(text)
        if self._errno is not None:
            self.errno = self._errno


class InvalidError(Error, ValueError):
    """SEGREG_E_INVAL: an argument is invalid."""

    code = -1


class ClosedError(InvalidError):
    """The registry is closed. This package raises it; the library has no code of its own for it."""


class NotFoundError(_WithErrno, FileNotFoundError):
    """SEGREG_E_NOENT: no such segment, path or registry."""

    code = -2
    _errno = errno.ENOENT


class ExistsError(_WithErrno, FileExistsError):
    """SEGREG_E_EXISTS: the id or the path is taken."""

    code = -3
    _errno = errno.EEXIST


class PathError(Error, ValueError):
    """SEGREG_E_PATH: not a usable path below the base directory."""

    code = -4


class NotPinnedError(Error):
    """SEGREG_E_NOTPINNED: this handle does not hold the pin or the snapshot."""

    code = -5


class BusyError(_WithErrno):
    """SEGREG_E_BUSY: in use."""

    code = -6
    _errno = errno.EBUSY


class ConflictError(Error):
    """SEGREG_E_CONFLICT: another process changed it first."""

    code = -7


class FullError(Error):
    """SEGREG_E_FULL: a limit of the registry is reached."""

    code = -8


class NoMemoryError(Error, MemoryError):
    """SEGREG_E_NOMEM: out of memory or of shared memory."""

    code = -9


class NoSpaceError(_WithErrno):
    """SEGREG_E_NOSPC: no space left on the registry's disk."""

    code = -10
    _errno = errno.ENOSPC


class AccessError(_WithErrno, PermissionError):
    """SEGREG_E_PERM: permission denied."""

    code = -11
    _errno = errno.EACCES


class TimedOutError(_WithErrno, TimeoutError):
    """SEGREG_E_TIMEDOUT: a wait ended without what it waited for."""

    code = -12
    _errno = errno.ETIMEDOUT


class VersionError(Error):
    """SEGREG_E_VERSION: made by another version of segreg, or for another machine."""

    code = -13


class CorruptError(Error):
    """SEGREG_E_CORRUPT: damaged."""

    code = -14


class MismatchError(Error):
    """SEGREG_E_MISMATCH: the registry's files do not belong together."""

    code = -15


class RegionLostError(Error):
    """SEGREG_E_REGION_LOST: the shared memory was removed while the registry is in use."""

    code = -16


class ReopenError(Error):
    """SEGREG_E_REOPEN: the outcome of a commit is unknown; open the registry again."""

    code = -17


class UnsupportedError(_WithErrno):
    """SEGREG_E_UNSUPPORTED: not possible on this file system or kernel."""

    code = -18
    _errno = errno.EOPNOTSUPP


class SystemCallError(_WithErrno):
    """SEGREG_E_IO: a system call failed; the text names its errno."""

    code = -19


class EvictedError(Error):
    """SEGREG_E_EVICTED: an operator has taken away what this handle held."""

    code = -20


class NoFileError(_WithErrno, FileNotFoundError):
    """SEGREG_E_NOFILE: the segment is there, but the file in it is not. Another try finds none either."""

    code = -21
    _errno = errno.ENOENT


class CalledOffError(Error):
    """SEGREG_E_CALLED_OFF: wait_off ended the wait."""

    code = -22


BY_CODE: Dict[int, Type[Error]] = {
    cls.code: cls
    for cls in list(globals().values())
    if isinstance(cls, type) and issubclass(cls, Error) and "code" in vars(cls) and cls.code
}


def error_of(code: int, text: str) -> Error:
    """The exception for a code and its text."""
    cls = BY_CODE.get(code)
    if cls is not None:
        return cls(text)
    error = Error(text)
    error.code = code
    return error
