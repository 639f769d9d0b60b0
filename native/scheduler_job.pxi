# A job's handle, and what is counted of jobs; part of scheduler.pyx.

cdef enum:
    AVAILABLE
    RUNNING
    RETRYABLE
    COMPLETED
    CANCELLED
    DISCARDED

STATES = ("available", "running", "retryable", "completed", "cancelled", "discarded")


@cython.final
@cython.freelist(1024)
cdef class Job:
    """One unit of work on its way; `plan` is what core/pool keeps of it, None for a bare coroutine."""
    cdef object _work, _factory
    cdef int _state
    cdef uint64_t _ticket
    cdef readonly int priority
    cdef readonly int64_t cost, size_bytes
    cdef readonly object tenant
    cdef readonly object result, error
    cdef readonly Carrier carrier
    cdef public object plan
    cdef public object stuck
    cdef public bint told
    cdef object _waiter

    @property
    def state(self):
        return STATES[self._state]

    @property
    def done(self):
        return self._state >= COMPLETED

    def waiter(self, loop):
        if self._waiter is None:
            self._waiter = loop.create_future()
            if self._state >= COMPLETED:
                self._waiter.set_result(None)
        return self._waiter

    def __await__(self):
        if self._state < COMPLETED:
            yield from shield(self.waiter(get_running_loop())).__await__()
        if self.error is not None:
            raise self.error
        return self.result

    cdef int _end(self, int state, result, error) except -1:
        self._state, self.result, self.error = state, result, error
        self._work = self._factory = self.carrier = None
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        return 0


@cython.final
@cython.no_gc  # its job does not know it
@cython.freelist(64)
cdef class Admitted:
    """What `submit` returns where it need not wait: awaiting it gives the job at once."""
    cdef Job _job

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        raise StopIteration(self._job)


cdef PyObject *_next_admitted(PyObject *admitted) noexcept:
    PyErr_SetObject(PyExc_StopIteration, <PyObject *>(<Admitted>admitted)._job)
    return NULL


# The same as __next__ without a traceback, which takes as long as all the rest of a submission.
(<PyTypeObject *>Admitted).tp_iternext = _next_admitted


@cython.final
cdef class Histogram:
    """Counts by powers of two of nanoseconds: bucket i holds what is below 2**i ns and not below half of that."""
    cdef uint64_t _counts[BUCKETS]
    cdef readonly uint64_t count
    cdef readonly double sum_s

    cdef void _add(self, int64_t ns) noexcept:
        cdef int bucket = 0
        if ns < 0:
            ns = 0
        self.sum_s += ns * 1e-9
        self.count += 1
        while ns and bucket < BUCKETS - 1:
            ns >>= 1
            bucket += 1
        self._counts[bucket] += 1

    def counts(self):
        return [self._counts[i] for i in range(BUCKETS)]
