"""What runs next, and running it. Twin and specification of `Scheduler`: src/fairlead/_native/scheduler_pure.py.

`Runner` is the worker pool's inner loop (core/pool says what it does for a user). A job that never suspends runs without a Task of its own:
`turn` sends it directly. All jobs of a turn see one spare Task as asyncio.current_task(), and that Task's context. The first one that
suspends takes the spare Task over: `Carrier`, the coroutine that this Task drives, hands what the job yielded on to the Task, and from then
on passes everything through. So asyncio.timeout(), TaskGroup, cancel() and context variables mean the same before and after.
A Task whose job has ended goes on with the next job that waits, unless it was cancelled, so that no Task is made for each.
"""

cimport cython
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF, Py_XDECREF
from libc.stdint cimport int64_t, uint32_t, uint64_t, uint8_t

from asyncio import CancelledError, Task, get_running_loop, shield
from asyncio.tasks import _enter_task, _leave_task
from contextvars import copy_context

cdef extern from "scheduler.h" nogil:
    enum:
        SCHEDULER_NONE
        SCHEDULER_LEVELS
    ctypedef struct scheduler_slot:
        void *item
        int64_t since, size
        uint64_t serial
        uint32_t tenant, cost
        uint8_t level
    ctypedef struct scheduler_tenant:
        void *key
        uint32_t count
    ctypedef struct scheduler_level:
        uint64_t count
        int64_t size
    ctypedef struct scheduler:
        scheduler_slot *slots
        scheduler_tenant *tenants
        scheduler_level *levels
        uint32_t slots_used, idle_count
        uint64_t count, serial, held, limit
        int64_t size, held_size, size_limit, quantum
    void scheduler_init(scheduler *s, uint64_t limit, int64_t size_limit, int64_t age, uint32_t every, int64_t quantum)
    void scheduler_free(scheduler *s)
    uint32_t scheduler_tenant_new(scheduler *s, void *key)
    void scheduler_idle_put(scheduler *s, uint32_t tenant)
    void *scheduler_tenant_forget(scheduler *s)
    bint scheduler_fits(const scheduler *s, int64_t size)
    uint32_t scheduler_push(scheduler *s, void *item, int level, uint32_t tenant, uint32_t cost, int64_t size, int64_t now)
    uint64_t scheduler_ticket(const scheduler *s, uint32_t at)
    uint32_t scheduler_find(const scheduler *s, uint64_t ticket)
    void *scheduler_take(scheduler *s, uint32_t at)
    uint32_t scheduler_next(scheduler *s, int64_t now)
    bint scheduler_can_shed(const scheduler *s, int level, int64_t size)
    uint32_t scheduler_lowest(const scheduler *s, int above)

cdef extern from *:
    """
    #include <time.h>
    static int64_t fairlead_now(void) {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
    }
    #ifdef CLOCK_MONOTONIC_COARSE
    static int64_t fairlead_now_coarse(void) {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
        return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
    }
    #else
    #define fairlead_now_coarse fairlead_now
    #endif
    """
    int64_t fairlead_now() nogil
    int64_t fairlead_now_coarse() nogil

cdef extern from *:
    """
    static int fairlead_raise_current(void) { return -1; }
    """
    int _raise_current "fairlead_raise_current"() except -1

cdef extern from "Python.h":
    ctypedef enum PySendResult:
        PYGEN_RETURN
        PYGEN_ERROR
        PYGEN_NEXT
    PySendResult PyIter_Send(PyObject *iterator, PyObject *value, PyObject **result) noexcept
    int PyContext_Enter(object context) except -1
    int PyContext_Exit(object context) except -1
    bint PyCoro_CheckExact(object)
    void PyErr_SetObject(PyObject *kind, PyObject *value) noexcept
    PyObject *PyExc_StopIteration
    ctypedef struct PyTypeObject:
        PyObject *(*tp_iternext)(PyObject *) noexcept

cdef enum:
    IDLE_TENANTS_KEPT = 1024
    CLOCK_EVERY = 16   # jobs between two looks at the clock
    SAMPLE_EVERY = 64  # one job of so many goes into the histograms; a power of two
    BUCKETS = 40
    CHAIN = 16         # jobs that a Task runs without suspending before others get their turn


@cython.final
cdef class Scheduler:
    cdef scheduler _core
    cdef dict _tenants
    cdef PyObject *_last_key
    cdef uint32_t _last_tenant

    def __cinit__(self, uint64_t limit, int64_t limit_bytes, int64_t age_ns, uint32_t every, int64_t quantum):
        if limit < 1 or limit_bytes < 0 or age_ns < 0 or every < 1 or quantum < 1:
            raise ValueError("limit, every and quantum are at least 1, limit_bytes and age_ns at least 0")
        scheduler_init(&self._core, limit, limit_bytes, age_ns, every, quantum)
        self._tenants = {}

    def __dealloc__(self):
        cdef uint32_t at
        for at in range(self._core.slots_used):
            Py_XDECREF(<PyObject *>self._core.slots[at].item)
        scheduler_free(&self._core)

    def __len__(self):
        return self._core.count

    @property
    def size_bytes(self):
        return self._core.size

    @property
    def held(self):
        return self._core.held

    def depth(self, int priority):
        _check_priority(priority)
        return self._core.levels[priority].count

    def fits(self, int64_t size_bytes=0):
        return scheduler_fits(&self._core, size_bytes)

    def push(self, item, int priority, tenant, int64_t cost, int64_t size_bytes, int64_t now_ns):
        if not scheduler_fits(&self._core, size_bytes):
            return 0
        return self._push(item, priority, tenant, cost, size_bytes, now_ns)

    def pop(self, int64_t now_ns):
        cdef uint32_t at = scheduler_next(&self._core, now_ns)
        return None if at == SCHEDULER_NONE else self._take(at)

    def cancel(self, uint64_t ticket):
        cdef uint32_t at = self._find(ticket)
        return None if at == SCHEDULER_NONE else self._take(at)

    def can_shed(self, int priority, int64_t size_bytes):
        _check_priority(priority)
        return scheduler_can_shed(&self._core, priority, size_bytes)

    def shed(self, int priority):
        _check_priority(priority)
        cdef uint32_t at = scheduler_lowest(&self._core, priority)
        return None if at == SCHEDULER_NONE else self._take(at)

    def hold(self, int64_t size_bytes):
        self._core.held += 1
        self._core.held_size += size_bytes

    def release(self, int64_t size_bytes):
        if not self._core.held or size_bytes > self._core.held_size:
            raise ValueError("more is released than was held")
        self._core.held -= 1
        self._core.held_size -= size_bytes

    cdef uint64_t _push(self, item, int priority, tenant, int64_t cost, int64_t size_bytes, int64_t now_ns) except 0:
        cdef uint32_t at, entry
        _check_priority(priority)
        if cost < 1 or cost > self._core.quantum or cost > 0x7fffffff or size_bytes < 0:
            raise ValueError("cost is 1 to quantum, size_bytes at least 0")
        entry = self._last_tenant if <PyObject *>tenant == self._last_key else self._tenant(tenant)
        at = scheduler_push(&self._core, <void *>item, priority, entry, <uint32_t>cost, size_bytes, now_ns)
        if at == SCHEDULER_NONE:
            raise MemoryError
        Py_INCREF(item)
        return scheduler_ticket(&self._core, at)

    cdef uint32_t _tenant(self, tenant) except? 0xfffffffe:
        cdef uint32_t entry
        found = self._tenants.get(tenant)
        if found is not None:
            entry = found
        else:
            while self._core.idle_count >= IDLE_TENANTS_KEPT:
                self._last_key = NULL
                del self._tenants[<object>scheduler_tenant_forget(&self._core)]
            entry = scheduler_tenant_new(&self._core, <void *>tenant)
            if entry == SCHEDULER_NONE:
                raise MemoryError
            self._tenants[tenant] = entry
            scheduler_idle_put(&self._core, entry)
        # Compared by identity: only the object that the table keeps alive may be remembered.
        if self._core.tenants[entry].key == <void *>tenant:
            self._last_key, self._last_tenant = <PyObject *>tenant, entry
        return entry

    cdef uint32_t _find(self, uint64_t ticket) noexcept:
        return scheduler_find(&self._core, ticket)

    cdef object _take(self, uint32_t at):
        item = <object>scheduler_take(&self._core, at)
        Py_DECREF(item)
        return item


cdef inline int _check_priority(int priority) except -1:
    if priority < 0 or priority >= SCHEDULER_LEVELS:
        raise ValueError("priority is 0 to 7")
    return 0


include "scheduler_job.pxi"
include "scheduler_carrier.pxi"
include "scheduler_runner.pxi"
