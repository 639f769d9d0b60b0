"""Specification of the worker pool's queue and oracle of native/scheduler.pyx, never used to work.

What it promises; `every`, `age_ns` and `quantum` are the constructor's, a grant is a job that `pop` returns, now never goes back:

Priority. A grant that is no turn of the overdue goes to the most urgent level (0 first) that has jobs.

Fair share. On a level the tenants take turns by deficit round robin (Shreedhar and Varghese, 1995): a visit adds `quantum` to the
tenant's deficit, and its jobs go, oldest first, as long as the deficit covers their cost. A cost is 1 to `quantum`, so each visit grants
at least one job, and a job takes constant time. What a tenant saves is less than `quantum`, so of two tenants that wait on a level all
the while, neither gets more than 2 * `quantum` of cost ahead of the other, however many jobs the other has queued (turns of the overdue
not counted).

Ageing. A job is overdue once it has waited `age_ns`. Each `every`-th grant is a turn of the overdue: it goes to the oldest job of the next
tenant that has an overdue one, each tenant once before any comes again. Where none is overdue, it is a grant as any other.
Bound: a job that is overdue when p older jobs of its tenant wait starts within K = `every` * T * (p + 1) grants, T being the most tenants
that have overdue jobs at a time meanwhile. Proof: While the job waits, it is overdue and its tenant's oldest is at least as old, so from
the next turn on its tenant stays in the ring (who joins the ring joins at its end; who is served goes to its end), and of each T turns in
a row one serves it. It is served its oldest; after p + 1 times that is the job, unless it or an older one went sooner, which only helps.
Of `every` grants in a row one is a turn. The bound does not depend on what more urgent levels or other tenants queue, but for their number;
and the most urgent job gives way to others at every `every`-th grant only.
"""

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field

LEVELS = 8


@dataclass(eq=False)
class _Queued:
    item: object
    priority: int
    tenant: "_Tenant"
    cost: int
    size: int
    since: int
    serial: int


@dataclass(eq=False)
class _Tenant:
    jobs: dict[int, _Queued] = field(default_factory=dict)
    """By serial, so the oldest first."""
    mark: tuple[int, int] = (0, 0)
    """Serial and time of its oldest job when that was last looked at; older than its oldest now, or the same."""
    deficit: list[int] = field(default_factory=lambda: [0] * LEVELS)

    def oldest(self) -> _Queued:
        return next(iter(self.jobs.values()))

    def on(self, priority: int) -> list[_Queued]:
        return [job for job in self.jobs.values() if job.priority == priority]


class Scheduler:
    """A bounded queue: `limit` jobs and `limit_bytes` (0: no bound) of their sizes, what is held counted in. Pure of time and I/O."""

    def __init__(self, limit: int, limit_bytes: int, age_ns: int, every: int, quantum: int) -> None:
        if limit < 1 or limit_bytes < 0 or age_ns < 0 or every < 1 or quantum < 1:
            raise ValueError("limit, every and quantum are at least 1, limit_bytes and age_ns at least 0")
        self._limit, self._limit_bytes, self._age, self._every, self._quantum = limit, limit_bytes, age_ns, every, quantum
        self._jobs: dict[int, _Queued] = {}
        self._serial = self._since_turn = self._now = 0
        self._tenants: dict[Hashable, _Tenant] = {}
        self._rings: list[deque[_Tenant]] = [deque() for _ in range(LEVELS)]
        self._fresh = [True] * LEVELS
        self._turn: deque[_Tenant] = deque()
        self.size_bytes = self.held = self._held_bytes = 0

    def __len__(self) -> int:
        return len(self._jobs)

    def depth(self, priority: int) -> int:
        """Return how many jobs wait on a level."""
        return len(self._on(priority))

    def fits(self, size_bytes: int = 0) -> bool:
        """Return whether one more job of this size is within the bounds."""
        return self._fits(len(self._jobs), self.size_bytes, size_bytes)

    def push(self, item: object, priority: int, tenant: Hashable, cost: int, size_bytes: int, now_ns: int) -> int:
        """Queue an item; return its ticket, 0 where it does not fit."""
        if not self.fits(size_bytes):
            return 0
        _check_priority(priority)
        if not 1 <= cost <= self._quantum or size_bytes < 0:
            raise ValueError("cost is 1 to quantum, size_bytes at least 0")
        self._now = max(self._now, now_ns)
        owner = self._tenants.setdefault(tenant, _Tenant())
        job = _Queued(item, priority, owner, cost, size_bytes, self._now, self._serial)
        if not owner.jobs:
            owner.mark = (job.serial, job.since)
        if not owner.on(priority):
            self._fresh[priority] |= not self._rings[priority]
            self._rings[priority].append(owner)
        owner.jobs[job.serial] = self._jobs[job.serial] = job
        self.size_bytes += size_bytes
        self._serial += 1
        return job.serial + 1

    def pop(self, now_ns: int) -> object:
        """Grant the job that comes next: return its item; None where nothing waits."""
        self._now = max(self._now, now_ns)
        if not self._jobs:
            return None
        self._since_turn += 1
        job = None
        if self._since_turn >= self._every:
            self._since_turn = 0
            job = self._next_overdue()
        return self._take(job or self._next_level())

    def cancel(self, ticket: int) -> object:
        """Take a job out of the queue; None where its ticket no longer waits."""
        job = self._jobs.get(ticket - 1)
        return job and self._take(job)

    def can_shed(self, priority: int, size_bytes: int) -> bool:
        """Return whether giving up jobs less urgent than this would make room for one of this size."""
        _check_priority(priority)
        kept = [job for job in self._jobs.values() if job.priority <= priority]
        return self._fits(len(kept), sum(job.size for job in kept), size_bytes)

    def shed(self, priority: int) -> object:
        """Give a job up that is less urgent than this and return it, None where there is none.

        It is the newest of the tenant with most jobs on the least urgent level; of several such tenants, of the one whose turn is next.
        Takes time in proportion to the tenants on that level.
        """
        _check_priority(priority)
        level = max((job.priority for job in self._jobs.values()), default=-1)
        if level <= priority:
            return None
        return self._take(max(self._rings[level], key=lambda tenant: len(tenant.on(level))).on(level)[-1])

    def hold(self, size_bytes: int) -> None:
        """Count one more job of this size that is not in the queue, and will come back to it."""
        self.held += 1
        self._held_bytes += size_bytes

    def release(self, size_bytes: int) -> None:
        """End what `hold` began."""
        if not self.held or size_bytes > self._held_bytes:
            raise ValueError("more is released than was held")
        self.held -= 1
        self._held_bytes -= size_bytes

    def _fits(self, count: int, size: int, more: int) -> bool:
        return count + self.held < self._limit and (not self._limit_bytes or size + self._held_bytes + more <= self._limit_bytes)

    def _on(self, priority: int) -> list[_Queued]:
        _check_priority(priority)
        return [job for job in self._jobs.values() if job.priority == priority]

    def _overdue(self, since: int) -> bool:
        return self._now - since >= self._age

    def _next_overdue(self) -> _Queued | None:
        waiting = [tenant for tenant in self._tenants.values() if tenant.jobs and tenant not in self._turn]
        while waiting:
            tenant = min(waiting, key=lambda tenant: tenant.mark)
            if not self._overdue(tenant.mark[1]):
                break
            oldest = tenant.oldest()
            tenant.mark = (oldest.serial, oldest.since)
            if self._overdue(oldest.since):
                self._turn.append(tenant)
                waiting.remove(tenant)
        while self._turn:
            tenant = self._turn.popleft()
            oldest = tenant.oldest()
            if self._overdue(oldest.since):
                self._turn.append(tenant)
                return oldest
            tenant.mark = (oldest.serial, oldest.since)
        return None

    def _next_level(self) -> _Queued:
        level = min(job.priority for job in self._jobs.values())
        ring = self._rings[level]
        while True:
            tenant = ring[0]
            if self._fresh[level]:
                tenant.deficit[level] += self._quantum
                self._fresh[level] = False
            job = tenant.on(level)[0]
            if job.cost <= tenant.deficit[level]:
                tenant.deficit[level] -= job.cost
                return job
            ring.rotate(-1)
            self._fresh[level] = True

    def _take(self, job: _Queued) -> object:
        tenant, level = job.tenant, job.priority
        del tenant.jobs[job.serial], self._jobs[job.serial]
        self.size_bytes -= job.size
        if not tenant.on(level):
            tenant.deficit[level] = 0
            self._fresh[level] |= self._rings[level][0] is tenant
            self._rings[level].remove(tenant)
        if not tenant.jobs and tenant in self._turn:
            self._turn.remove(tenant)
        return job.item


def _check_priority(priority: int) -> None:
    if not 0 <= priority < LEVELS:
        raise ValueError("priority is 0 to 7")
