"""From the bytes of lines to ECS objects, one a line, without a Python object a line.

Twin and specification: src/fairlead/_native/encode_pure.py. The C is in include/ecs_line.h and what that includes.
"""

from cpython cimport array
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING
from libc.stdint cimport INT64_MIN, int64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

cdef extern from "Python.h":
    ctypedef struct PyObject:
        pass
    PyObject *new_bytes "PyBytes_FromStringAndSize"(const char *text, Py_ssize_t size) except NULL
    int _PyBytes_Resize(PyObject **bytes, Py_ssize_t size) except -1
    void Py_XDECREF(PyObject *)

cdef extern from "ecs_line.h":
    ctypedef unsigned char *(*fairlead_json_text)(unsigned char *, const unsigned char *, const unsigned char *, const unsigned char *,
                                                  unsigned *) nogil
    ctypedef int (*fairlead_line_level)(const unsigned char *, const unsigned char *, const unsigned char *) nogil
    ctypedef int64_t (*fairlead_from_wall)(void *context, int64_t wall_s) noexcept nogil
    ctypedef struct fairlead_clock:
        pass
    ctypedef struct fairlead_piece:
        unsigned char *bytes
        size_t size
    ctypedef struct fairlead_encoder:
        fairlead_json_text json_text
        fairlead_line_level line_level
        fairlead_clock clock
        fairlead_piece pieces[4]
        size_t pieces_bytes, limit
        int64_t written_minute
    ctypedef struct fairlead_lines:
        const unsigned char *data
        const unsigned char *readable
        const int64_t *ends
        int64_t start, base, past, read_ns
        size_t count, done
        const unsigned char *flag
        size_t flag_bytes
        unsigned char *out
        size_t used, room
        int64_t *out_ends
    int FAIRLEAD_DONE, FAIRLEAD_NO_ROOM, FAIRLEAD_NO_MEMORY, FAIRLEAD_NO_LINE, FAIRLEAD_OWN_BYTES
    int FAIRLEAD_PATH, FAIRLEAD_SOURCE, FAIRLEAD_ORIGIN, FAIRLEAD_FIELDS, FAIRLEAD_PIECES
    int fairlead_widest()
    fairlead_json_text fairlead_json_text_of(int width)
    fairlead_line_level fairlead_line_level_of(int width)
    void fairlead_clock_begin(fairlead_clock *clock, fairlead_from_wall from_wall, void *context)
    int fairlead_encode_lines(fairlead_encoder *encoder, fairlead_lines *lines) nogil

cdef extern from "heap.h":
    int fairlead_keep_heap(size_t bytes)

# What a record has beside its line and the constant pieces, and room at the end: each line is begun with room for the worst of its kind.
cdef enum:
    USUAL_BYTES = 160
    SPARE_BYTES = 4096
    SPARE_FACTOR = 12

cdef const unsigned char *NOTHING = b""
cdef int width_used = fairlead_widest()


def use_width(int width):
    global width_used
    width_used = min(width, fairlead_widest())
    return width_used


def keep_heap(size_t kept_bytes):
    return bool(fairlead_keep_heap(kept_bytes))


cdef class Encoder:
    cdef fairlead_encoder _encoder
    cdef object _local, _error
    cdef double _growth

    def __cinit__(self, bytes path not None, bytes source not None, bytes host not None, bytes agent not None, bytes fields not None,
                  Py_ssize_t max_line_bytes, local):
        if max_line_bytes < 1:
            raise ValueError("a line has at least one byte")
        self._local = local
        self._growth = 1.05
        self._encoder.json_text, self._encoder.line_level = fairlead_json_text_of(width_used), fairlead_line_level_of(width_used)
        self._encoder.limit = max_line_bytes
        self._encoder.written_minute = -1
        fairlead_clock_begin(&self._encoder.clock, _from_wall, <void *>self)
        self._keep(FAIRLEAD_PATH, b'","log.file.path":' + path + b',"log.offset":')
        self._keep(FAIRLEAD_SOURCE, b',"fairlead.source":' + source + b',"fairlead.end":')
        self._keep(FAIRLEAD_ORIGIN, b',"host.name":' + host + b',"agent.id":' + agent)
        self._keep(FAIRLEAD_FIELDS, b"," + fields if fields else b"")

    def __dealloc__(self):
        cdef int i
        for i in range(FAIRLEAD_PIECES):
            free(self._encoder.pieces[i].bytes)

    cdef int _keep(self, int place, bytes text) except -1:
        """Keep a constant piece, with room to be read in steps of 32 bytes."""
        cdef fairlead_piece *piece = &self._encoder.pieces[place]
        piece.bytes = <unsigned char *>calloc(1, len(text) + 32)
        if piece.bytes == NULL:
            raise MemoryError
        piece.size = len(text)
        memcpy(piece.bytes, PyBytes_AS_STRING(text), len(text))
        self._encoder.pieces_bytes += piece.size
        return 0

    def encode(self, data, array.array ends not None, Py_ssize_t start, Py_ssize_t first, Py_ssize_t count,
               long long base, long long read_ns, array.array out_ends not None):
        cdef fairlead_lines lines
        cdef Py_buffer view
        if ends.typecode != "q" or out_ends.typecode != "q":
            raise ValueError("ends and out_ends are arrays of 'q'")
        if first < 0 or count < 0 or first + count > len(ends) or count > len(out_ends):
            raise ValueError("ends or out_ends is too short")
        if start < 0 or base < 0 or read_ns < 0:
            raise ValueError("start, base and read_ns are not negative")
        lines.ends = <const int64_t *>ends.data.as_longlongs + first
        lines.start, lines.base, lines.past, lines.read_ns = start, base, 0, read_ns
        lines.count, lines.flag, lines.flag_bytes = count, NOTHING, 0
        lines.out_ends = <int64_t *>out_ends.data.as_longlongs
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            if count and not start <= lines.ends[count - 1] <= view.len:
                raise ValueError("ends do not ascend from start, or lie outside of the data")
            lines.data = <const unsigned char *>view.buf if view.len else NOTHING
            lines.readable = lines.data + view.len
            return self._encode(&lines, lines.ends[count - 1] - start if count else 0)
        finally:
            PyBuffer_Release(&view)

    def encode_line(self, data, long long begin, long long end, str flag not None, long long read_ns):
        cdef fairlead_lines lines
        cdef Py_buffer view
        cdef int64_t newline, out_end
        cdef bytes named = b'"%s",' % flag.encode() if flag else b""
        if not 0 <= begin <= end or read_ns < 0:
            raise ValueError("begin, end and read_ns are not negative, and the end is not before the beginning")
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            newline = view.len
            lines.data = <const unsigned char *>view.buf if newline else NOTHING
            lines.readable = lines.data + newline
            lines.ends, lines.out_ends = &newline, &out_end
            lines.start, lines.base, lines.past, lines.read_ns = 0, begin, end - begin - newline - 1, read_ns
            lines.count, lines.flag, lines.flag_bytes = 1, named, len(named)
            return self._encode(&lines, newline)
        finally:
            PyBuffer_Release(&view)

    cdef bytes _encode(self, fairlead_lines *lines, int64_t size):
        """Encode `size` bytes of lines into a bytes object of about the right length, which is cut to it at the end."""
        cdef size_t constant = self._encoder.pieces_bytes + lines.flag_bytes
        cdef PyObject *out
        cdef int state = FAIRLEAD_NO_ROOM
        lines.used = lines.done = 0
        lines.room = <size_t>(size * self._growth) + lines.count * (constant + USUAL_BYTES) + SPARE_BYTES
        lines.room += SPARE_FACTOR * (<size_t>size // max(lines.count, <size_t>1))
        out = new_bytes(NULL, lines.room)
        try:
            while True:
                lines.out = <unsigned char *>PyBytes_AS_STRING(<object>out)
                with nogil:
                    state = fairlead_encode_lines(&self._encoder, lines)
                if state != FAIRLEAD_NO_ROOM:
                    break
                lines.room += lines.room // 4 + constant + FAIRLEAD_OWN_BYTES + 6 * (lines.ends[lines.done] - lines.start)
                _PyBytes_Resize(&out, lines.room)
            if self._error is not None:
                error, self._error = self._error, None
                fairlead_clock_begin(&self._encoder.clock, _from_wall, <void *>self)
                raise error
            if state == FAIRLEAD_NO_LINE:
                raise ValueError("ends do not ascend from start, or lie outside of the data")
            if state == FAIRLEAD_NO_MEMORY:
                raise MemoryError
            if size:
                self._growth = max(1.0, (<double>lines.used - lines.count * (constant + USUAL_BYTES)) / size) + 0.03
            _PyBytes_Resize(&out, lines.used)
            return <bytes>out
        finally:
            Py_XDECREF(out)


cdef int64_t _from_wall(void *context, int64_t wall_s) noexcept with gil:
    cdef Encoder self = <Encoder>context
    try:
        seconds = self._local(wall_s)
        return INT64_MIN if seconds is None else <int64_t>seconds
    except BaseException as error:
        self._error = error
        return INT64_MIN
