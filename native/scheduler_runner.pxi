# The worker pool's inner loop; part of scheduler.pyx.

@cython.final
cdef class Runner:
    cdef readonly Scheduler queue
    cdef object _loop, _call_soon, _turn, _clock, _on_end, _on_room, _on_suspend, _on_slow, _on_slow_submit
    cdef Carrier _spare
    cdef bint _scheduled, _entered
    cdef readonly int64_t free
    cdef int64_t _workers
    cdef readonly set carriers
    cdef readonly Histogram wait, run
    cdef public bint wanted, closed
    cdef int64_t _budget_ns, _now
    cdef readonly uint64_t completed, cancelled, discarded

    def __init__(self, loop, Scheduler queue not None, int64_t workers, int64_t budget_ns, clock, on_end, on_suspend, on_room, on_slow, on_slow_submit):
        self._loop, self._call_soon = loop, loop.call_soon
        self.queue, self._budget_ns, self._clock = queue, budget_ns, clock
        self.free = self._workers = workers
        self._on_end, self._on_suspend, self._on_room = on_end, on_suspend, on_room
        self._on_slow, self._on_slow_submit = on_slow, on_slow_submit
        self._turn = self.turn
        self.carriers, self.wait, self.run = set(), Histogram(), Histogram()

    def now(self):
        return self._read()

    cdef int64_t _read(self) except? -1:
        if self._clock is None:
            return fairlead_now()
        return self._clock()

    cdef inline int64_t _read_coarse(self) except? -1:
        if self._clock is None:
            return fairlead_now_coarse()
        return self._clock()

    @property
    def in_flight(self):
        return self._workers - self.free

    def offer(self, work, int priority, tenant, int64_t cost=1, int64_t size_bytes=0):
        """Queue a coroutine without a handle; False where it does not fit."""
        if self.closed or not scheduler_fits(&self.queue._core, size_bytes):
            return False
        self._admit(work, priority, tenant, cost, size_bytes)
        return True

    def offer_many(self, works, int priority, tenant):
        """Queue coroutines from an iterator as long as they fit; return how many. What it has beyond stays in it."""
        cdef int64_t count = 0
        if self.closed or not scheduler_fits(&self.queue._core, 0):
            return 0
        for work in works:
            self._admit(work, priority, tenant, 1, 0)
            count += 1
            if not scheduler_fits(&self.queue._core, 0):
                break
        return count

    def try_submit(self, work, *, int priority=4, tenant="", int64_t cost=1, int64_t size_bytes=0, timeout_s=None, backoff=None):
        cdef Job job = None
        if timeout_s is None and backoff is None:
            job = self._submit(work, priority, tenant, cost, size_bytes)
        return self._on_slow(work, priority, tenant, cost, size_bytes, timeout_s, backoff) if job is None else job

    def submit(self, work, *, int priority=4, tenant="", int64_t cost=1, int64_t size_bytes=0, timeout_s=None, backoff=None):
        cdef Job job = None
        cdef Admitted admitted
        # Those who wait for room go first.
        if timeout_s is None and backoff is None and not self.wanted:
            job = self._submit(work, priority, tenant, cost, size_bytes)
        if job is None:
            return self._on_slow_submit(work, priority, tenant, cost, size_bytes, timeout_s, backoff)
        admitted = Admitted.__new__(Admitted)
        admitted._job = job
        return admitted

    cdef Job _submit(self, work, int priority, tenant, int64_t cost, int64_t size_bytes):
        cdef Job job
        if self.closed or not scheduler_fits(&self.queue._core, size_bytes):
            return None
        job = Job.__new__(Job)
        if PyCoro_CheckExact(work):
            job._work = work
        else:
            job._factory = work
        job.priority, job.tenant, job.cost, job.size_bytes = priority, tenant, cost, size_bytes
        try:
            job._ticket = self._admit(job, priority, tenant, cost, size_bytes)
        except ValueError:
            if job._work is not None:
                work.close()
            raise
        return job

    def offer_job(self, work, factory, int priority, tenant, int64_t cost=1, int64_t size_bytes=0, plan=None):
        """Queue a coroutine, or the function that makes it, and return its job; None where it does not fit."""
        if self.closed or not scheduler_fits(&self.queue._core, size_bytes):
            return None
        cdef Job job = Job.__new__(Job)
        job._work, job._factory, job.plan = work, factory, plan
        job.priority, job.tenant, job.cost, job.size_bytes = priority, tenant, cost, size_bytes
        job._ticket = self._admit(job, priority, tenant, cost, size_bytes)
        return job

    def again(self, Job job not None):
        """Queue a job that was put off once more; the place that was held for it is released."""
        self.queue.release(job.size_bytes)
        job._state = AVAILABLE
        job._ticket = self._admit(job, job.priority, job.tenant, job.cost, job.size_bytes)

    def put_off(self, Job job not None):
        """Take a job whose attempt failed as retryable, and hold its place in the queue."""
        job._state, job._work, job.carrier = RETRYABLE, None, None
        self.queue.hold(job.size_bytes)

    def settle(self, Job job not None, state, result, error):
        """End a job for good: completed, cancelled or discarded."""
        self._settle(job, STATES.index(state), result, error)

    def withdraw(self, Job job not None):
        """Take a job out of the queue and close its coroutine; False where it does not wait there."""
        cdef uint32_t at
        if job._state != AVAILABLE:
            return False
        at = self.queue._find(job._ticket)
        if at == SCHEDULER_NONE:
            return False
        self.queue._take(at)
        if job._work is not None:
            job._work.close()
        return True

    def drop(self, item, state, error):
        """End what was taken out of the queue: a job, or a coroutine without one."""
        cdef Job job = <Job>item if type(item) is Job else None
        work = item if job is None else job._work
        if work is not None:
            work.close()
        if job is not None:
            self._settle(job, STATES.index(state), None, error)
        elif state == "cancelled":
            self.cancelled += 1
        else:
            self.discarded += 1

    def grow(self, int64_t by):
        """Have so many workers more, or fewer once they are free."""
        self.free += by
        self._workers += by
        self._schedule()

    def close(self):
        """End the spare task and return it; None where there is none."""
        cdef Carrier spare = self._spare
        self._spare = None
        if spare is None:
            return None
        spare.task.cancel()
        return spare.task

    def turn(self):
        """Run what waits, until the workers or the time for it are used up. The event loop calls this."""
        cdef int64_t begin, started_ns
        cdef uint32_t at
        cdef uint64_t count = 0
        self._scheduled = False
        begin = self._now = self._read()
        try:
            while self.free > 0 and self.queue._core.count:
                if not self._entered:
                    self._enter()
                at = scheduler_next(&self.queue._core, self._now)
                started_ns = 0
                if self.queue._core.slots[at].serial % SAMPLE_EVERY == 0:
                    self._now = started_ns = self._read()
                    self.wait._add(started_ns - self.queue._core.slots[at].since)
                self._start(self.queue._take(at), started_ns)
                count += 1
                if count % CLOCK_EVERY == 0:
                    self._now = self._read()
                    if self._now - begin >= self._budget_ns:
                        break
        finally:
            if self._entered:
                self._leave()
            self._schedule()
            if self.wanted:
                self._on_room()

    cdef uint64_t _admit(self, item, int priority, tenant, int64_t cost, int64_t size_bytes) except 0:
        # A sampled job is stamped exactly; ageing is content with the kernel's tick.
        cdef int64_t now = self._read() if self.queue._core.serial % SAMPLE_EVERY == 0 else self._read_coarse()
        cdef uint64_t ticket = self.queue._push(item, priority, tenant, cost, size_bytes, now)
        if not self._scheduled:
            self._schedule()
        return ticket

    cdef int _schedule(self) except -1:
        if not self._scheduled and self.free > 0 and self.queue._core.count:
            self._scheduled = True
            self._call_soon(self._turn)
        return 0

    cdef int _start(self, item, int64_t started_ns) except -1:
        cdef PyObject *out = NULL
        cdef Job job = None
        cdef PySendResult how
        self.free -= 1
        if type(item) is Job:
            job = <Job>item
            if not self._begin(job, started_ns):
                return 0
            work = job._work
        else:
            work = item
        how = PyIter_Send(<PyObject *>work, <PyObject *>None, &out)
        if how == PYGEN_NEXT:
            result = <object>out
            Py_DECREF(result)
            self._suspend(job, work, result, started_ns)
            return 0
        if self._spare._struck:
            # The job cancelled its task and ended without suspending: that is not the next one's concern.
            self._leave()
            self._spare = None
        if how == PYGEN_RETURN:
            result = <object>out
            Py_DECREF(result)
            self._ended(job, result, None, started_ns)
            return 0
        try:
            _raise_current()
        except BaseException as error:
            self._ended(job, None, error, started_ns)
            if not isinstance(error, (Exception, CancelledError)):
                raise
        return 0

    cdef int _suspend(self, Job job, work, yielded, int64_t started_ns) except -1:
        cdef Carrier carrier = self._spare
        self._leave()
        self._spare = None
        carrier._work, carrier._yielded, carrier._started_ns, carrier.job = work, yielded, started_ns, job
        if carrier._phase == GATED:
            if not carrier._gate.done():
                carrier._gate.set_result(None)
        carrier._phase = TAKEN
        self.carriers.add(carrier)
        if job is not None:
            job.carrier = carrier
            if job.plan is not None:
                self._on_suspend(job)
        carrier._told = True
        return 0

    cdef int _carried(self, Carrier carrier, result, error) except -1:
        cdef Job job = carrier.job
        carrier._phase = ENDED
        carrier._work = carrier.job = None
        self.carriers.discard(carrier)
        self._ended(job, result, error, carrier._started_ns)
        return 0

    cdef bint _next_for(self, Carrier carrier) except -1:
        """Give a Task whose job has ended the next one."""
        cdef uint32_t at
        cdef Job job = None
        while self.free > 0 and self.queue._core.count:
            at = scheduler_next(&self.queue._core, self._read_coarse())
            carrier._started_ns = 0
            if self.queue._core.slots[at].serial % SAMPLE_EVERY == 0:
                carrier._started_ns = self._read()
                self.wait._add(carrier._started_ns - self.queue._core.slots[at].since)
            item = self.queue._take(at)
            self.free -= 1
            job = <Job>item if type(item) is Job else None
            if job is not None and not self._begin(job, carrier._started_ns):
                continue
            carrier._work = item if job is None else job._work
            carrier.job, carrier._phase, carrier._told = job, STARTED, False
            if job is not None:
                job.carrier = carrier
            self.carriers.add(carrier)
            return True
        return False

    cdef bint _begin(self, Job job, int64_t started_ns) except -1:
        """Have a job run, and make its coroutine if it has none; False where that failed, and the job has ended."""
        job._state = RUNNING
        if job._work is None:
            try:
                job._work = job._factory()
            except Exception as error:
                self._ended(job, None, error, started_ns)
                return False
        return True

    cdef int _ended(self, Job job, result, error, int64_t started_ns) except -1:
        self.free += 1
        if started_ns:
            self.run._add(self._read() - started_ns)
        if error is None and (job is None or job.plan is None and not job.told):
            self.completed += 1
            if job is not None:
                job._end(COMPLETED, result, None)
            return 0
        if job is None:
            if isinstance(error, CancelledError):
                self.cancelled += 1
            else:
                self.discarded += 1
        self._on_end(job, result, error)
        return 0

    cdef int _settle(self, Job job, int state, result, error) except -1:
        if state == COMPLETED:
            self.completed += 1
        elif state == CANCELLED:
            self.cancelled += 1
        else:
            self.discarded += 1
        return job._end(state, result, error)

    cdef int _enter(self) except -1:
        if self._spare is None:
            self._spare = self._new_carrier()
        _enter_task(self._loop, self._spare.task)
        PyContext_Enter(self._spare._context)
        self._entered = True
        return 0

    cdef int _leave(self) except -1:
        self._entered = False
        _leave_task(self._loop, self._spare.task)
        PyContext_Exit(self._spare._context)
        return 0

    cdef Carrier _new_carrier(self):
        cdef Carrier carrier = Carrier.__new__(Carrier)
        carrier._runner = self
        carrier._context = copy_context()
        carrier.task = _CarrierTask(carrier, loop=self._loop, context=carrier._context)
        carrier.task.strike = carrier.strike
        return carrier

    cdef int _spare_lost(self, Carrier carrier) except -1:
        if self._spare is carrier:
            self._spare = None
        return 0
