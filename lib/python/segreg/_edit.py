"""Edits: additions and retirements that happen together."""

from __future__ import annotations

import ctypes
import threading
import weakref
from contextlib import contextmanager
from typing import Any, Iterator, Optional

from ._errors import BusyError, ClosedError, InvalidError
from ._handle import Handle, PathLike, c_path, number
from ._native import lib
from ._scope import Scope


class Edit(Scope):
    """An edit. Made by Registry.edit. The end of its with statement commits it, or aborts it after an exception.

    After the commit, version is the version that the edit made. One thread at a time may use an edit: others get
    BusyError.
    """

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._pointer = ctypes.c_void_p()
        self._lock = threading.Lock()
        self._forks = handle.forks
        self._version: Optional[int] = None
        handle.edits[id(self)] = weakref.ref(self)
        handle.call(lib.segreg_edit_begin, ctypes.byref(self._pointer))

    @property
    def version(self) -> int:
        """The version that the commit made, or the version at the commit if it changed nothing."""
        if self._version is None:
            raise InvalidError("the edit has no version before its commit")
        return self._version

    def add(self, id: int, path: PathLike) -> None:
        """Append what Registry.register would do. The path is checked now, the id by the commit."""
        self._append(lib.segreg_edit_add, number(id, 64, "the id"), c_path(path, "the path"))

    def set_user(self, user: bytes) -> None:
        """Give the segment of the last addition at most USER_SIZE bytes of the caller's own, which never change.

        They are the member user of Entry, Info and LogEntry. See segreg_edit_set_user(3).
        """
        self._append(lib.segreg_edit_set_user, bytes(user), len(user))

    def retire(self, id: int) -> None:
        """Append what Registry.retire would do."""
        self._append(lib.segreg_edit_retire, number(id, 64, "the id"))

    def retire_path(self, path: PathLike) -> None:
        """Append what Registry.retire_path would do."""
        self._append(lib.segreg_edit_retire_path, c_path(path, "the path"))

    def discard(self, path: PathLike) -> None:
        """Append what Registry.discard would do with this path. The edit looks now which file or directory it is."""
        self._append(lib.segreg_edit_discard, c_path(path, "the path"))

    def expect(self, version: int) -> None:
        """Let the commit fail with ConflictError unless the registry is still at this version."""
        self._append(lib.segreg_edit_expect, number(version, 64, "the version"))

    def expect_live(self) -> None:
        """Let the commit fail with ConflictError or NotFoundError unless each segment that it retires is live."""
        self._append(lib.segreg_edit_expect_live)

    def sync(self) -> None:
        """Let the commit begin with an fsync of each added segment."""
        self._append(lib.segreg_edit_sync)

    def token(self, token: bytes) -> None:
        """Give the edit a token of 16 bytes that no other edit uses, such as os.urandom(16) or uuid.uuid4().bytes.

        If an edit with this token was committed before, the commit changes nothing and returns the first one's version.
        """
        if len(token) != 16:
            raise InvalidError(f"a token has 16 bytes, and this one has {len(token)}")
        self._append(lib.segreg_edit_token, (ctypes.c_ubyte * 16).from_buffer_copy(token))

    def commit(self) -> int:
        """Commit the edit, whose end this is, whatever the outcome. Returns its version. See segreg_edit_commit(3)."""
        version = ctypes.c_uint64()
        with self._alone():
            pointer, self._pointer = self._pointer, ctypes.c_void_p()
            self._handle.edits.pop(id(self), None)
            try:
                self._handle.call_edit(lib.segreg_edit_commit, pointer, ctypes.byref(version))
            except ClosedError:
                lib.segreg_edit_abort(pointer)
                raise
            self._version = version.value
        return version.value

    def abort(self) -> None:
        """End the edit without committing it. Does nothing if it has ended."""
        if self._forks != self._handle.forks:
            self.abort_unlocked()
        elif self._pointer:
            with self._alone():
                self.abort_unlocked()

    def abort_unlocked(self) -> None:
        """End the edit; no other thread uses it."""
        pointer, self._pointer = self._pointer, ctypes.c_void_p()
        self._handle.edits.pop(id(self), None)
        if pointer and self._forks == self._handle.forks:  # a child's copy may be half made
            lib.segreg_edit_abort(pointer)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other threads out, and refuse an edit that has ended."""
        if self._forks != self._handle.forks:
            raise InvalidError("the parent process began this edit")  # whose lock may be taken for good here
        if not self._lock.acquire(blocking=False):
            raise BusyError("another thread is using this edit")
        try:
            if not self._pointer:
                raise InvalidError("the edit has ended: it was committed or aborted, or its registry was closed")
            yield
        finally:
            self._lock.release()

    def _append(self, function: Any, *arguments: Any) -> None:
        with self._alone():
            self._handle.call_edit(function, self._pointer, *arguments)

    def _end(self, error: Optional[BaseException]) -> None:
        if error is not None:
            self.abort()
        elif self._pointer:  # else the body has committed or aborted it
            self.commit()

    def __del__(self) -> None:
        if not self._handle.closed:
            self.abort_unlocked()

    def __repr__(self) -> str:
        return f"<segreg.Edit{'' if self._pointer else ', ended'}>"
