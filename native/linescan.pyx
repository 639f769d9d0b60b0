"""Newline offsets of a buffer at memory speed. Twin and specification: src/fairlead/_native/linescan_pure.py."""

from cpython cimport array
from libc.stdint cimport int64_t

cdef extern from "newlines.h":
    size_t fairlead_newlines(const unsigned char *data, size_t at, size_t length, int64_t base, int64_t *out, size_t room) nogil


def scan(const unsigned char[::1] data not None, array.array offsets not None, Py_ssize_t start=0, long long base=0):
    cdef size_t count, length = data.shape[0], room = len(offsets)
    cdef int64_t *out
    if offsets.typecode != "q":
        raise ValueError("offsets is an array of 'q'")
    if start < 0 or <size_t>start > length:
        raise ValueError("start lies outside of the data")
    if length == 0 or room == 0:
        return 0
    out = <int64_t *>offsets.data.as_longlongs
    with nogil:
        count = fairlead_newlines(&data[0], start, length, base, out, room)
    return count
