"""Decoding a few frames ahead of their use, in threads, in order, in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from threading import Lock
from typing import Generic, TypeVar

from colorbench.frames.frame_source import FrameSource
from colorbench.frames.pictures import FolderSource
from colorbench.types import RgbFrame

T = TypeVar("T")

_BATCHES = 4


def read_ahead(
    source: FrameSource,
    indices: Sequence[int],
    *,
    executor: ThreadPoolExecutor,
    transform: Callable[[RgbFrame], T],
    depth: int,
) -> Iterator[T]:
    """``transform(source.read(index))`` for each index, in order, computed at most ``depth`` frames before they are asked for.

    Pictures are decoded in all of the executor's threads. A video is decoded in one task at a time, so ascending indices
    never seek; until the iterator is exhausted or closed the source must not be read elsewhere. Call it from outside the
    executor.

    Raises:
        FramesError: when the frame that can't be read is the next to come; the frames before it come first.
    """
    if isinstance(source, FolderSource):
        return _side_by_side(source, indices, executor=executor, transform=transform, depth=depth)
    return _Sequence(source, indices, executor=executor, transform=transform, depth=depth).results()


def _side_by_side(
    source: FrameSource, indices: Sequence[int], *, executor: ThreadPoolExecutor, transform: Callable[[RgbFrame], T], depth: int
) -> Iterator[T]:
    # A few frames a task: waking the consumer for each costs a twentieth of decoding it.
    size = max(depth // _BATCHES, 1)

    def decode(batch: Sequence[int]) -> tuple[list[T], Exception | None]:
        done: list[T] = []
        try:
            done.extend(transform(source.read(index)) for index in batch)
        except Exception as error:  # noqa: BLE001  raised behind the frames before it
            return done, error
        return done, None

    waiting: deque[Future[tuple[list[T], Exception | None]]] = deque()
    todo = iter(indices)
    try:
        while True:
            while len(waiting) < max(depth // size, 1) and (batch := tuple(islice(todo, size))):
                waiting.append(executor.submit(decode, batch))
            if not waiting:
                return
            results, error = waiting.popleft().result()
            yield from results
            if error is not None:
                raise error
    finally:
        for future in waiting:
            future.cancel()


class _Sequence(Generic[T]):
    """One task at a time fills the promised results in order; the consumer promises more as it takes them."""

    def __init__(
        self,
        source: FrameSource,
        indices: Sequence[int],
        *,
        executor: ThreadPoolExecutor,
        transform: Callable[[RgbFrame], T],
        depth: int,
    ) -> None:
        self._source, self._todo, self._executor, self._transform = source, iter(indices), executor, transform
        self._depth = max(depth, 1)
        self._lock = Lock()
        self._promised: deque[tuple[int, Future[T]]] = deque()
        self._task: Future[None] | None = None

    def results(self) -> Iterator[T]:
        waiting: deque[Future[T]] = deque()
        try:
            while True:
                while len(waiting) < self._depth and (index := next(self._todo, None)) is not None:
                    waiting.append(self._promise(index))
                if not waiting:
                    return
                yield waiting.popleft().result()
        finally:
            with self._lock:
                self._promised.clear()
                task = self._task
            if task is not None:
                task.exception()

    def _promise(self, index: int) -> Future[T]:
        """A result to come; starts the task where none runs."""
        future: Future[T] = Future()
        with self._lock:
            self._promised.append((index, future))
            if self._task is None:
                self._task = self._executor.submit(self._fulfill)
        return future

    def _fulfill(self) -> None:
        while True:
            with self._lock:
                if not self._promised:
                    self._task = None
                    return
                index, future = self._promised.popleft()
            try:
                future.set_result(self._transform(self._source.read(index)))
            except Exception as error:  # noqa: BLE001  raised where the result is asked for
                future.set_exception(error)
