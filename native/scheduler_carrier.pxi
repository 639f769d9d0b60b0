# How a job that suspends goes on in a Task of its own; part of scheduler.pyx.

class _CarrierTask(Task):
    def cancel(self, msg=None):
        self.strike()
        return super().cancel(msg)


cdef enum:
    SPARE
    GATED
    TAKEN
    STARTED
    ENDED


@cython.final
cdef class Carrier:
    """The coroutine that a spare Task drives: waits until a suspended job takes it over, then is that job."""
    cdef Runner _runner
    cdef int _phase
    cdef object _work, _yielded, _gate
    cdef int64_t _started_ns
    cdef bint _struck, _told
    cdef int _chain
    cdef readonly Job job
    cdef readonly object task
    cdef object _context

    def send(self, value):
        if self._phase == SPARE:
            self._gate = self._runner._loop.create_future()
            self._phase = GATED
            return next(iter(self._gate))
        if self._phase == GATED:
            raise RuntimeError("a spare task was woken")
        if self._phase == TAKEN:
            self._phase, self._gate = STARTED, None
            yielded, self._yielded = self._yielded, None
            if yielded is not None:
                return yielded
        return self._step(value)

    def throw(self, kind, value=None, traceback=None):
        if self._phase <= GATED:
            self._phase = ENDED
            self._runner._spare_lost(self)
            raise kind if value is None else value
        if self._phase == TAKEN:
            self._phase, self._gate = STARTED, None
            yielded, self._yielded = self._yielded, None
            if yielded is not None and hasattr(yielded, "cancel"):
                # As Task.cancel() does with what it waits for; it did not know yet.
                yielded.cancel()
        try:
            yielded = self._work.throw(kind if value is None else value)
        except StopIteration as stop:
            return self._go_on(stop.value, None)
        except BaseException as error:
            return self._go_on(None, error)
        return yielded

    def close(self):
        self._phase = ENDED
        if self._work is not None:
            self._work.close()

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        return self.send(None)

    @property
    def cr_frame(self):
        return None if self._work is None else self._work.cr_frame

    @property
    def cr_code(self):
        return None if self._work is None else self._work.cr_code

    @property
    def cr_running(self):
        return self._work is not None and self._work.cr_running

    @property
    def cr_await(self):
        return None if self._work is None else self._work.cr_await

    @property
    def work(self):
        return self._work

    def strike(self):
        """Note that the task is to be cancelled."""
        self._struck = True

    cdef object _step(self, value):
        """Run the job up to its next suspension; from its end on, those that follow it."""
        cdef PyObject *out = NULL
        cdef PySendResult how
        while True:
            how = PyIter_Send(<PyObject *>self._work, <PyObject *>value, &out)
            value = None
            if how == PYGEN_ERROR:
                try:
                    _raise_current()
                except BaseException as error:
                    self._end(None, error)
                continue
            result = <object>out
            Py_DECREF(result)
            if how == PYGEN_NEXT:
                return self._suspended(result)
            self._end(result, None)

    cdef object _go_on(self, result, error):
        self._end(result, error)
        return self._step(None)

    cdef object _suspended(self, yielded):
        self._chain = 0
        if not self._told:
            self._told = True
            if self.job is not None and self.job.plan is not None:
                self._runner._on_suspend(self.job)
        return yielded

    cdef int _end(self, result, error) except -1:
        """End the job and begin the next one; StopIteration where there is none."""
        cdef bint more
        self._runner._carried(self, result, error)
        if error is not None and not isinstance(error, (Exception, CancelledError)):
            self._runner._schedule()
            raise error
        more = not self._struck and self._chain < CHAIN and self._runner._next_for(self)
        if not more:
            self._runner._schedule()
        if self._runner.wanted:
            self._runner._on_room()
        if not more:
            raise StopIteration
        self._chain += 1
        return 0
