"""Trainings of a grid in processes of their own, several at a time, each with its share of the threads or with its GPU."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Sequence
from multiprocessing import get_context, parent_process
from multiprocessing.context import SpawnProcess
from queue import Empty
from threading import Thread
from typing import Any

import torch

from bistnet.ablation.trial import Trial, run_trial
from colorbench.errors import EXIT_INTERRUPTED, ColorbenchError

Tell = Callable[[int, str], None]
"""So many more steps are done; and how it stands."""

Ended = Callable[[Trial, str], None]
"""A training is over; with an error, or with none."""

_POLL_SECONDS = 0.2


def run_side_by_side(trials: Sequence[Trial], *, jobs: int, gpus: Sequence[str], threads: int, tell: Tell, ended: Ended) -> None:
    """A process a training, spawned, as neither CUDA nor torch's threads survive a fork.

    Args:
        trials: in this order.
        jobs: at most so many at a time.
        gpus: as CUDA_VISIBLE_DEVICES names them; the places of the jobs have them in turns. Empty: no GPU.
        threads: of torch, in each process.
        tell: called for steps of any of them, in this process.
        ended: called for each.
    """
    context = get_context("spawn")
    told: Any = context.Queue()
    waiting, free = list(trials), list(range(jobs))
    running: dict[SpawnProcess, tuple[Trial, int]] = {}
    errors: dict[str, str] = {}
    try:
        while waiting or running:
            while waiting and free:
                trial, place = waiting.pop(0), free.pop(0)
                gpu = gpus[place % len(gpus)] if gpus else None
                process = context.Process(target=_alone, args=(trial, told, gpu, threads))
                process.start()
                running[process] = (trial, place)
            over = [process for process in running if not process.is_alive()]
            _listen(told, tell, errors)
            for process in over:
                trial, place = running.pop(process)
                free.append(place)
                died = f"its process ended with {process.exitcode}" if process.exitcode else ""
                ended(trial, errors.pop(trial.label, died))
    finally:
        for process in running:
            process.terminate()
            process.join()


def error_of(trial: Trial, tell: Tell) -> str:
    """Runs a trial; what went wrong in a line, then the remedy, or the trace of a defect. Empty if nothing did."""
    try:
        run_trial(trial, _Told(trial.label, tell))
    except ColorbenchError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - one training's failure leaves the others whole, and is said
        return f"{type(error).__name__}: {error}\n{traceback.format_exc()}"
    return ""


def _listen(told: Any, tell: Tell, errors: dict[str, str]) -> None:
    """Passes on what the processes have said; waits a moment for the first word."""
    try:
        said = told.get(timeout=_POLL_SECONDS)
        while True:
            count, text, error = said
            if error:
                errors[text] = error
            else:
                tell(count, text)
            said = told.get_nowait()
    except Empty:
        return


def end_with_parent() -> None:
    """Ends this process when the one that started it is gone, killed without a chance to end it."""

    def watch() -> None:
        parent = parent_process()
        if parent is not None:
            parent.join()
            os._exit(EXIT_INTERRUPTED)

    Thread(target=watch, daemon=True).start()


def _alone(trial: Trial, told: Any, gpu: str | None, threads: int) -> None:
    """What a process does."""
    end_with_parent()
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    torch.set_num_threads(threads)
    try:
        error = error_of(trial, lambda count, text: told.put((count, text, "")))
    except KeyboardInterrupt:
        raise SystemExit(EXIT_INTERRUPTED) from None
    if error:
        told.put((0, trial.label, error))


class _Told:
    """A watcher of one training, for whom the grid's watcher counts."""

    def __init__(self, label: str, tell: Tell) -> None:
        self.label, self.tell = label, tell

    def note(self, text: str) -> None: ...

    def started(self, total: int, done: int) -> None: ...

    def advance(self, count: int, text: str = "") -> None:
        self.tell(count, f"{self.label} {text}".rstrip())
