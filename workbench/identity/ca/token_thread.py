"""One thread that alone talks to a token, and callers who wait for it no longer than they said.

PKCS#11 modules differ in what they allow from several threads, and some hang in a call when their device is
gone.  A call that does not return cannot be taken back: from then on every call fails, and the worker process
ends, which is the only way to be rid of the module.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from workbench.identity.ca.errors import CaKeyUnavailable

T = TypeVar("T")


class TokenStuck(CaKeyUnavailable):
    """A token did not answer in time."""

    code = "ca-token-stuck"
    default_cause = "the token or its driver hangs, or was unplugged in the middle of a call"
    default_action = "check the token, then start the worker again: 'workbench ca serve DIR'"


class TokenThread:
    """Does calls one after the other, in a thread of its own."""

    def __init__(self, *, call_s: float) -> None:
        self._call_s = call_s
        self._stuck = False
        self._calls: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = queue.SimpleQueue()
        threading.Thread(target=self._work, name="pkcs11", daemon=True).start()

    @property
    def stuck(self) -> bool:
        """Whether a call did not return."""
        return self._stuck

    def call(self, act: Callable[[], T]) -> T:
        """What `act` returns or raises; TokenStuck when it takes longer than the limit, and ever after."""
        if self._stuck:
            raise TokenStuck("the token does not answer since an earlier call")
        done: Future[T] = Future()
        self._calls.put((act, done))
        try:
            return done.result(self._call_s)
        except TimeoutError:
            if done.done():
                raise
            self._stuck = True
            raise TokenStuck(f"the token did not answer within {self._call_s:g} s") from None

    def end(self) -> None:
        """No more calls."""
        self._calls.put(None)

    def _work(self) -> None:
        while (item := self._calls.get()) is not None:
            act, done = item
            try:
                done.set_result(act())
            except BaseException as error:
                done.set_exception(error)
