"""From the ECS objects of lines to their values in the store, without an object a record where neighbours share what they say.

Twin and specification: src/fairlead/_native/decode_pure.py. The C is in include/ecs_read.h.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcmp, memcpy

cdef extern from "Python.h":
    object PyUnicode_New(Py_ssize_t size, Py_UCS4 greatest)
    void *PyUnicode_DATA(object text)

cdef extern from "ecs_read.h":
    ctypedef struct fairlead_span:
        const unsigned char *at
        const unsigned char *end
    ctypedef struct fairlead_ecs:
        int64_t time_ns, created_ns, offset, end
        fairlead_span message
        bint escaped, high, begins
        fairlead_span path, source, host, agent, level, more
    bint fairlead_read_ecs(fairlead_ecs *ecs, const unsigned char *at, const unsigned char *end, bint known) nogil
    unsigned char *fairlead_unescape(unsigned char *out, const unsigned char *at, const unsigned char *end) nogil

# What stands for no text where a record is something else.
cdef object SOMETHING_ELSE = object()
cdef bytes NOTHING = b""


cdef class LineDecoder:
    cdef tuple _levels, _names
    cdef object _origin, _more
    cdef unsigned char *_scratch
    cdef Py_ssize_t _room

    def __cinit__(self, levels, origin, more):
        self._levels = tuple(range(len(levels)))
        self._names = tuple([b'"%s"' % level.encode() for level in levels])
        self._origin, self._more = origin, more

    def __dealloc__(self):
        free(self._scratch)

    def run(self, list values not None, Py_ssize_t first):
        cdef fairlead_ecs ecs
        cdef Py_ssize_t at = first, count = len(values)
        cdef int64_t reached = 0, created_ns = 0
        cdef bint tiles = True
        cdef bytes value, more = NOTHING
        cdef list rows = []
        cdef object origin = None, end = None, offset, level, message, flags = None, fields = None
        if first < 0 or first > count:
            raise IndexError("first lies outside of values")
        while at < count:
            value = values[at]
            if value is None:
                raise TypeError("a value is None")
            data = <const unsigned char *>PyBytes_AS_STRING(value)
            if not fairlead_read_ecs(&ecs, data, data + PyBytes_GET_SIZE(value), at > first) or (ecs.begins and at > first):
                break
            level = self._level(ecs.level)
            message = self._message(&ecs)
            if level is SOMETHING_ELSE or message is SOMETHING_ELSE:
                break
            if not _is(more, ecs.more):
                more = _bytes(ecs.more)
                found = self._more(more) if more else (None, None)
                if found is None:
                    break
                flags, fields = found
            if at == first:
                origin = self._origin(b"[%b,%b,%b,%b]" % (_bytes(ecs.source), _bytes(ecs.path), _bytes(ecs.host), _bytes(ecs.agent)))
                if origin is None:
                    break
                created_ns = ecs.created_ns
            if at > first and ecs.offset == reached:
                offset = end
            else:
                offset = ecs.offset
                tiles = tiles and at == first
            reached, end = ecs.end, ecs.end
            rows.append(offset)
            rows.append(end)
            rows.append(ecs.time_ns)
            rows.append(level)
            rows.append(flags)
            rows.append(fields)
            rows.append(message)
            at += 1
        return None if at == first else (at - first, origin, created_ns, tiles, rows)

    cdef object _level(self, fairlead_span text):
        cdef Py_ssize_t i
        if text.at == NULL:
            return None
        for i in range(len(self._names)):
            if _is(<bytes>self._names[i], text):
                return self._levels[i]
        return SOMETHING_ELSE

    cdef object _message(self, fairlead_ecs *ecs):
        cdef const unsigned char *at = ecs.message.at
        cdef Py_ssize_t size = ecs.message.end - at
        cdef unsigned char *scratch
        cdef object message
        if ecs.escaped:
            if size > self._room:
                scratch = <unsigned char *>realloc(self._scratch, 2 * size)
                if scratch == NULL:
                    raise MemoryError
                self._scratch, self._room = scratch, 2 * size
            at = fairlead_unescape(self._scratch, at, ecs.message.end)
            if at == NULL:
                return SOMETHING_ELSE
            size, at = at - self._scratch, self._scratch
        if ecs.high:
            try:
                return PyUnicode_DecodeUTF8(<const char *>at, size, NULL)
            except UnicodeDecodeError:
                return SOMETHING_ELSE
        message = PyUnicode_New(size, 127)
        memcpy(PyUnicode_DATA(message), at, size)
        return message


cdef bytes _bytes(fairlead_span text):
    return PyBytes_FromStringAndSize(<const char *>text.at, text.end - text.at)


cdef bint _is(bytes known, fairlead_span text) noexcept:
    cdef Py_ssize_t size = text.end - text.at
    return PyBytes_GET_SIZE(known) == size and (size == 0 or memcmp(PyBytes_AS_STRING(known), text.at, size) == 0)
