"""The worker pool's queue: the same tests over the compiled kernel and its pure twin, and both step by step."""

import gc
import sys
from collections import Counter
from collections.abc import Callable
from importlib.machinery import EXTENSION_SUFFIXES
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead._native import scheduler, scheduler_pure

TWINS = pytest.mark.parametrize("make", [scheduler.Scheduler, scheduler_pure.Scheduler], ids=["native", "pure"])
Make = Callable[[int, int, int, int, int], Any]
NEVER = 1 << 62


def drained(queue: Any, now: int = 0) -> list[Any]:
    return list(iter(lambda: queue.pop(now), None))


def test_the_compiled_kernel_is_what_is_loaded() -> None:
    assert str(scheduler.__file__).endswith(tuple(EXTENSION_SUFFIXES))


@TWINS
def test_the_most_urgent_level_goes_first_and_a_level_in_order(make: Make) -> None:
    queue = make(100, 0, NEVER, 8, 4)
    for i in range(16):
        queue.push(i, 7 - i % 8, "t", 1, 0, 0)
    assert drained(queue) == [7, 15, 6, 14, 5, 13, 4, 12, 3, 11, 2, 10, 1, 9, 0, 8]


@TWINS
def test_nothing_is_queued_beyond_the_bounds(make: Make) -> None:
    queue = make(3, 100, NEVER, 8, 1)
    assert queue.push("a", 4, "t", 1, 60, 0)
    assert not queue.push("b", 4, "t", 1, 41, 0)
    assert queue.push("b", 4, "t", 1, 40, 0)
    queue.hold(0)
    assert not queue.fits(0)
    queue.release(0)
    assert queue.push("c", 4, "t", 1, 0, 0)
    assert not queue.push("d", 0, "t", 1, 0, 0)
    assert (len(queue), queue.size_bytes) == (3, 100)


@TWINS
def test_wrong_arguments_are_refused(make: Make) -> None:
    queue = make(3, 0, NEVER, 8, 4)
    for priority, cost, size in ((8, 1, 0), (-1, 1, 0), (0, 0, 0), (0, 5, 0), (0, 1, -1)):
        with pytest.raises(ValueError, match=r"is 0 to 7|cost is 1"):
            queue.push("a", priority, "t", cost, size, 0)
    with pytest.raises(ValueError, match="released"):
        queue.release(0)
    for wrong in ((0, 0, 0, 1, 1), (1, -1, 0, 1, 1), (1, 0, -1, 1, 1), (1, 0, 0, 0, 1), (1, 0, 0, 1, 0)):
        with pytest.raises(ValueError, match="at least"):
            make(*wrong)


@TWINS
def test_a_cancelled_job_is_never_granted(make: Make) -> None:
    queue = make(10, 0, NEVER, 8, 1)
    tickets = [queue.push(i, 4, "t", 1, 0, 0) for i in range(5)]
    assert queue.cancel(tickets[2]) == 2
    assert queue.cancel(tickets[2]) is None
    assert drained(queue) == [0, 1, 3, 4]
    assert queue.push(9, 4, "t", 1, 0, 0)
    assert queue.cancel(tickets[4]) is None


@TWINS
def test_what_is_shed_is_the_newest_of_the_flooding_tenant_on_the_lowest_level(make: Make) -> None:
    queue = make(5, 0, NEVER, 8, 1)
    for item, priority, tenant in (("p", 3, "x"), ("q", 6, "x"), ("r", 6, "y"), ("s", 6, "y"), ("u", 6, "x")):
        queue.push(item, priority, tenant, 1, 0, 0)
    assert not queue.can_shed(6, 0)
    assert queue.shed(6) is None
    assert queue.can_shed(5, 0)
    assert [queue.shed(5) for _ in range(5)] == ["u", "s", "q", "r", None]


@TWINS
@settings(deadline=None)
@given(
    loads=st.lists(st.tuples(st.integers(1, 40), st.lists(st.integers(1, 5), min_size=1, max_size=3)), min_size=2, max_size=5),
    quantum=st.integers(5, 9),
)
def test_no_tenant_gets_ahead_by_more_than_two_quanta(make: Make, loads: list[tuple[int, list[int]]], quantum: int) -> None:
    queue = make(1000, 0, NEVER, 8, quantum)
    left: Counter[int] = Counter()
    for tenant, (count, costs) in enumerate(loads):
        for i in range(count):
            queue.push((tenant, costs[i % len(costs)]), 4, tenant, costs[i % len(costs)], 0, 0)
            left[tenant] += 1
    served: Counter[int] = Counter()
    while all(left[tenant] for tenant in range(len(loads))):
        tenant, cost = queue.pop(0)
        left[tenant] -= 1
        served[tenant] += cost
        assert max(served[t] for t in range(len(loads))) - min(served[t] for t in range(len(loads))) <= 2 * quantum


@TWINS
@settings(deadline=None)
@given(data=st.data(), every=st.integers(1, 5), tenants=st.integers(1, 4), ahead=st.integers(0, 6), age=st.integers(0, 50))
def test_an_overdue_job_starts_within_the_bound_whatever_else_comes(
    make: Make, data: st.DataObject, every: int, tenants: int, ahead: int, age: int
) -> None:
    queue = make(10_000, 0, age, every, 3)
    for _ in range(ahead):
        queue.push("older", data.draw(st.integers(0, 7)), 0, data.draw(st.integers(1, 3)), 0, 0)
    queue.push("watched", 7, 0, 1, 0, 0)
    for tenant in range(1, tenants):
        for _ in range(20):
            queue.push("flood", 7, tenant, 1, 0, 0)
    bound = every * tenants * (ahead + 1)
    for _ in range(bound):
        for _ in range(data.draw(st.integers(0, 2))):
            queue.push("urgent", 0, data.draw(st.integers(0, tenants - 1)), 1, 0, age)
        if queue.pop(age) == "watched":
            return
    pytest.fail(f"not started within {bound} grants")


Step = tuple[Any, ...]
STEPS = st.one_of(
    st.tuples(st.just("push"), st.integers(0, 7), st.integers(0, 4), st.integers(1, 4), st.integers(0, 30), st.integers(0, 5)),
    st.tuples(st.just("pop"), st.integers(0, 5)),
    st.tuples(st.just("cancel"), st.integers(0, 200)),
    st.tuples(st.just("shed"), st.integers(0, 7), st.integers(0, 30)),
    st.tuples(st.just("hold"), st.integers(0, 10)),
    st.tuples(st.just("release")),
)


class Driven:
    """A queue that takes steps and tells what came of them; tickets are named by the order of their making."""

    def __init__(self, queue: Any) -> None:
        self.queue, self.now, self.tickets = queue, 0, list[int]()
        self.held: list[int] = []

    def take(self, step: Step, number: int) -> Step:
        came: Any = None
        match step:
            case ("push", priority, tenant, cost, size, passed):
                self.now += passed
                ticket = self.queue.push(number, priority, f"tenant {tenant}", cost, size, self.now)
                came = bool(ticket)
                self.tickets += [ticket] if ticket else []
            case ("pop", passed):
                self.now += passed
                came = self.queue.pop(self.now)
            case ("cancel", which) if self.tickets:
                came = self.queue.cancel(self.tickets[which % len(self.tickets)])
            case ("shed", priority, size):
                came = self.queue.can_shed(priority, size), self.queue.shed(priority)
            case ("hold", size):
                self.held.append(size)
                self.queue.hold(size)
            case ("release",) if self.held:
                self.queue.release(self.held.pop())
        return (came, len(self.queue), self.queue.size_bytes, self.queue.held, [self.queue.depth(i) for i in range(8)])


@settings(max_examples=300, deadline=None)
@given(
    steps=st.lists(STEPS, max_size=150),
    bounds=st.tuples(st.integers(1, 60), st.integers(0, 400), st.integers(0, 40), st.integers(1, 6), st.integers(4, 9)),
)
def test_both_twins_agree_step_by_step(steps: list[Step], bounds: tuple[int, int, int, int, int]) -> None:
    native, pure = Driven(scheduler.Scheduler(*bounds)), Driven(scheduler_pure.Scheduler(*bounds))
    for number, step in enumerate(steps):
        assert native.take(step, number) == pure.take(step, number), (number, step)
    assert drained(native.queue, native.now) == drained(pure.queue, pure.now)


def test_a_million_tenants_leave_nothing_behind() -> None:
    queue = scheduler.Scheduler(10, 0, NEVER, 8, 1)
    item, before = object(), sys.getallocatedblocks()
    references = sys.getrefcount(item)
    for i in range(200_000):
        queue.push(item, i % 8, f"tenant {i}", 1, 0, i)
        queue.pop(i)
    assert sys.getrefcount(item) == references
    assert sys.getallocatedblocks() - before < 10_000


def test_a_queue_that_goes_takes_what_waits_with_it() -> None:
    item = object()
    references = sys.getrefcount(item)
    queue = scheduler.Scheduler(1_000_000, 0, NEVER, 8, 1)
    for _ in range(100_000):
        queue.push(item, 4, "t", 1, 0, 0)
    del queue
    gc.collect()
    assert sys.getrefcount(item) == references
