"""When a line was written and how bad it is, by how it begins. Twin and specification: src/fairlead/_native/linehead_pure.py."""

from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport INT64_MIN, int64_t, uint32_t

cdef extern from "line_level.h":
    ctypedef int (*fairlead_line_level)(const unsigned char *, const unsigned char *, const unsigned char *) nogil
    fairlead_line_level fairlead_line_level_of(int width)
    int fairlead_widest()
    int FAIRLEAD_LEVEL_CHARACTERS, FAIRLEAD_NO_LEVEL

cdef extern from "line_time.h":
    ctypedef struct fairlead_clock:
        pass
    ctypedef struct fairlead_time:
        int64_t seconds
        uint32_t nanoseconds
    ctypedef int64_t (*fairlead_from_wall)(void *context, int64_t wall_s) noexcept nogil
    int FAIRLEAD_TIME_CHARACTERS, FAIRLEAD_COMMON_CHARACTERS
    void fairlead_clock_begin(fairlead_clock *clock, fairlead_from_wall from_wall, void *context)
    int fairlead_line_time(fairlead_clock *clock, const unsigned char *begin, const unsigned char *last, const unsigned char *end,
                           int64_t read_day, fairlead_time *time) nogil

cdef extern from "utf8.h":
    const unsigned char *fairlead_utf8_skip(const unsigned char *at, const unsigned char *end, size_t characters) nogil

cdef tuple LEVELS = ("trace", "debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
cdef fairlead_line_level line_level = fairlead_line_level_of(fairlead_widest())


def use_width(int width):
    global line_level
    width = min(width, fairlead_widest())
    line_level = fairlead_line_level_of(width)
    return width


cdef bytes _head(str line, Py_ssize_t characters):
    """The line's head as UTF-8; a lone surrogate counts as a character, too."""
    return line[:characters].encode("utf-8", "surrogatepass")


def find_level(str line not None):
    cdef bytes head = _head(line, FAIRLEAD_LEVEL_CHARACTERS)
    cdef const unsigned char *begin = head
    cdef const unsigned char *end = begin + len(head)
    cdef int level = line_level(begin, end, end)
    return None if level == FAIRLEAD_NO_LEVEL else LEVELS[level]


cdef class Timestamps:
    cdef fairlead_clock _clock
    cdef object _local, _error

    def __cinit__(self, local):
        self._local = local
        fairlead_clock_begin(&self._clock, _from_wall, <void *>self)

    def parse(self, str line not None, long long read_ns):
        cdef bytes head = _head(line, FAIRLEAD_TIME_CHARACTERS)
        cdef const unsigned char *begin = head
        cdef const unsigned char *end = begin + len(head)
        cdef fairlead_time time
        cdef int found = fairlead_line_time(&self._clock, begin, fairlead_utf8_skip(begin, end, FAIRLEAD_COMMON_CHARACTERS), end,
                                            max(read_ns, 0) // 86_400_000_000_000, &time)
        if self._error is not None:
            error, self._error = self._error, None
            fairlead_clock_begin(&self._clock, _from_wall, <void *>self)
            raise error
        return <long long>time.seconds * 1_000_000_000 + time.nanoseconds if found else None


cdef int64_t _from_wall(void *context, int64_t wall_s) noexcept with gil:
    cdef Timestamps self = <Timestamps>context
    try:
        seconds = self._local(wall_s)
        return INT64_MIN if seconds is None else <int64_t>seconds
    except BaseException as error:
        self._error = error
        return INT64_MIN
