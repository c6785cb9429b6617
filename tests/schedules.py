"""Operations side by side, in an order that can be chosen, tried in every way and repeated.

Each operation runs in a thread of its own, but only one of them at a time: at every request to
DynamoDB and at every wait, the next choice says who goes on. Choices also have reads of indexes lag
behind, and transactions meet others. The same choices lead to the same run, whatever the machine
does, so a run that goes wrong can be told as a list of requests, made smaller, and run again.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeVar

import pytest

from chalicelib import catalogue
from tests import proofs
from tests.crashes import Killed
from tests.twin import Call, Refused, Twin, Wire, describe_part, key_of

CALL_SECONDS = 0.01  # that a request takes, on the clock that operations see
MAX_STEPS = 5000  # of a run; the longest have a few hundred
LAGS = 4  # one in so many reads that may lag does
CONFLICTS = 12  # one in so many transactions meets another
DEATHS = 25  # one in so many requests is the last of its operation

T = TypeVar("T")
Choose = Callable[[int], int]  # one of so many options; 0 is the plainest
Operation = Callable[[], object]


class Stuck(Exception):
    """The operations wait for one another, or retry for ever."""


class Result(NamedTuple):
    """What an operation returned, or raised."""

    value: object
    error: BaseException | None


class Step(NamedTuple):
    """One request of an operation, how many writes ago it looked, and its answer."""

    operation: str
    call: Call
    ago: int
    answer: Wire

    def __str__(self) -> str:
        told = f"{self.operation}: {describe(self.call)}"
        if self.ago:
            told += f", as of {self.ago} writes ago"
        if "Error" in self.answer:
            reasons = self.answer.get("CancellationReasons", ())
            codes = [reason["Code"] for reason in reasons] or [self.answer["Error"]["Code"]]
            told += f" -> {', '.join(codes)}"
        return told


class Run(NamedTuple):
    """How it went: what came of each operation, and every request in its order."""

    results: dict[str, Result]
    steps: list[Step]

    def __str__(self) -> str:
        lines = [str(step) for step in self.steps]
        for name, (value, error) in self.results.items():
            lines.append(f"{name} ended with {value!r}" if error is None else f"{name}: {error!r}")
        return "\n".join(lines)


def drawn(choices: bytes) -> Choose:
    """Makes the choices that Hypothesis drew, and the plainest once they are used up."""
    left = iter(choices)
    return lambda options: next(left, 0) % options


def every(run: Callable[[Choose], T]) -> Iterator[T]:
    """What `run` returns for all ways to choose, one after the other, depth first."""
    prefix: list[int] = []
    while True:
        made: list[tuple[int, int]] = []

        def choose(options: int, ahead: list[int] = prefix, made: Any = made) -> int:
            choice = ahead[len(made)] if len(made) < len(ahead) else 0
            made.append((choice, options))
            return choice

        yield run(choose)
        while made and made[-1][0] + 1 == made[-1][1]:
            made.pop()
        if not made:
            return
        prefix = [choice for choice, _ in made]
        prefix[-1] += 1


def interleave(
    twin: Twin,
    operations: Mapping[str, Operation],
    choose: Choose,
    *,
    switches: int = MAX_STEPS,
    faults: bool = True,
    deaths: bool = False,
) -> Run:
    """Runs the operations as `choose` has it, with at most so many switches that need not be.

    `faults` lets reads that DynamoDB may answer with the past look there, and has transactions
    refused as if another were at the same items. `deaths` ends operations before a request, or
    after it.
    """
    proofs.count("schedules")
    return _Schedule(twin, operations, choose, switches, faults, deaths).run()


class _Task:
    """An operation in its thread."""

    def __init__(self, name: str, operation: Operation) -> None:
        self.name = name
        self.operation = operation
        self.go = threading.Lock()
        self.go.acquire()
        self.result: Result | None = None
        self.dead = False


class _InFlight:
    """A request that is carried out at once, or only when its answer is asked for."""

    def __init__(self, request: Callable[[], object], *, at_once: bool) -> None:
        self._request = request
        self._answer: Result | None = None
        if at_once:
            self._carry_out()

    def _carry_out(self) -> Result:
        try:
            self._answer = Result(self._request(), None)
        except Exception as error:
            self._answer = Result(None, error)
        return self._answer

    def result(self) -> object:
        value, error = self._answer or self._carry_out()
        if error is not None:
            raise error
        return value


class _Pool:
    """What carries out several requests of one operation at a time: in an order that is chosen."""

    def __init__(self, choose: Choose) -> None:
        self._choose = choose

    def submit(self, request: Callable[..., object], *args: Any, **named: Any) -> _InFlight:
        return _InFlight(partial(request, *args, **named), at_once=self._choose(2) == 0)


class _Schedule:
    def __init__(
        self,
        twin: Twin,
        operations: Mapping[str, Operation],
        choose: Choose,
        switches: int,
        faults: bool,
        deaths: bool,
    ) -> None:
        self._twin = twin
        self._tasks = [_Task(name, operation) for name, operation in operations.items()]
        self._of_thread: dict[int, _Task] = {}
        self._choose = choose
        self._switches = switches
        self._faults = faults
        self._deaths = deaths
        self._steps: list[Step] = []
        self._turns = 0
        self._seconds = 0.0
        self._ago = 0
        self._ended = threading.Lock()
        self._stuck = False

    def run(self) -> Run:
        threads = [
            threading.Thread(target=self._work, args=(task,), daemon=True) for task in self._tasks
        ]
        before = random.getstate()
        random.seed(0)
        start = time.monotonic(), time.time()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(time, "sleep", self._sleep)
            patch.setattr(time, "monotonic", lambda: start[0] + self._seconds)
            patch.setattr(time, "time", lambda: start[1] + self._seconds)
            patch.setattr(catalogue, "_pool", _Pool(self._choose))
            patch.setattr(catalogue, "wait", lambda in_flight: [one.result() for one in in_flight])
            patch.setattr(self._twin, "before", self._before)
            patch.setattr(self._twin, "after", self._after)
            self._ended.acquire()
            for thread in threads:
                thread.start()
            self._tasks[0].go.release()
            self._ended.acquire()
            for thread in threads:
                thread.join()
        random.setstate(before)
        results = {task.name: task.result for task in self._tasks if task.result}
        run = Run(results, self._steps)
        if self._stuck:
            raise Stuck(str(run))
        return run

    def _work(self, task: _Task) -> None:
        self._of_thread[threading.get_ident()] = task
        task.go.acquire()
        try:
            # The first turn is the choice of who starts.
            self._turn(task)
            task.result = Result(task.operation(), None)
        except BaseException as error:  # of any kind: the test decides what it may be
            task.result = Result(None, error)
        left = [other for other in self._tasks if other.result is None]
        if left:
            left[self._choose(len(left)) if len(left) > 1 else 0].go.release()
        else:
            self._ended.release()

    def _turn(self, task: _Task, *, waits: bool = False) -> None:
        """Lets another operation go on, or this one; one that waits lets the others first."""
        self._turns += 1
        if self._turns > MAX_STEPS:
            self._stuck = True
            raise Stuck
        here = self._tasks.index(task)
        others = [
            other for other in self._tasks[here + 1 :] + self._tasks[:here] if other.result is None
        ]
        options = [*others, task] if waits else [task, *others]
        if len(options) == 1 or not (waits or self._switches):
            return
        chosen = options[self._choose(len(options))]
        if chosen is not task:
            self._switches -= not waits
            chosen.go.release()
            task.go.acquire()

    def _sleep(self, seconds: float) -> None:
        task = self._of_thread.get(threading.get_ident())
        if task is not None:
            self._seconds += seconds
            if seconds:
                self._turn(task, waits=True)

    def _before(self, call: Call) -> int:
        task = self._of_thread.get(threading.get_ident())
        if task is None:
            return 0
        self._die(task)
        self._turn(task)
        self._seconds += CALL_SECONDS
        self._ago = 0
        past = len(self._twin.past)
        if self._faults and call.may_lag and past and self._chance(LAGS):
            self._ago = 1 + self._choose(past)
        if self._faults and call.operation == "TransactWriteItems" and self._chance(CONFLICTS):
            proofs.count("injected faults")
            raise conflict(len(call.request["TransactItems"]))
        return self._ago

    def _after(self, call: Call, answer: Wire) -> None:
        task = self._of_thread.get(threading.get_ident())
        if task is not None:
            self._steps.append(Step(task.name, call, self._ago, answer))
            self._die(task)

    def _die(self, task: _Task) -> None:
        """Ends the operation, perhaps; then it gets no request through, whatever it does."""
        if self._deaths and not task.dead and self._chance(DEATHS):
            proofs.count("crash points")
            task.dead = True
        if task.dead:
            raise Killed

    def _chance(self, one_in: int) -> bool:
        return self._choose(one_in) == one_in - 1


def conflict(items: int) -> Refused:
    """The answer to a transaction whose first item is in another one at the moment."""
    reasons = [{"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}]
    reasons += [{"Code": "None"}] * (items - 1)
    return Refused(
        "TransactionCanceledException",
        "Transaction cancelled, please refer cancellation reasons for specific reasons",
        CancellationReasons=reasons,
    )


def describe(call: Call) -> str:
    """A request in a few words."""
    request = call.request
    if call.operation == "BatchGetItem":
        keys = [key_of(key) for table in request["RequestItems"].values() for key in table["Keys"]]
        return f"BatchGetItem {', '.join(keys)}"
    if call.operation == "Query":
        above = request["ExpressionAttributeValues"][":0"]["S"]
        return f"Query {request['IndexName']} of {above}"
    if call.operation == "TransactWriteItems":
        return f"TransactWriteItems {', '.join(map(describe_part, request['TransactItems']))}"
    return f"{call.operation} {key_of(request['Key']) if 'Key' in request else ''}".rstrip()
