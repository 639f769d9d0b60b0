"""LZ4 frames, zstd frames and CRC-32C of buffers, without the interpreter's lock.

Twin and specification: src/fairlead/_native/compress_pure.py.
Formats: https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md, RFC 8878, RFC 3720 (appendix B.4).
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.ref cimport Py_XDECREF, PyObject
from libc.stdint cimport uint32_t

cdef extern from "Python.h":
    PyObject *PyBytes_FromStringAndSize(const char *, Py_ssize_t) except NULL
    char *PyBytes_AS_STRING(PyObject *) nogil
    int _PyBytes_Resize(PyObject **, Py_ssize_t) except -1

cdef extern from "crc32c.h":
    void fairlead_crc32c_prepare()
    uint32_t fairlead_crc32c(uint32_t value, const unsigned char *at, size_t size) nogil
    uint32_t fairlead_crc32c_portable(uint32_t value, const unsigned char *at, size_t size) nogil

cdef extern from *:
    """
    #include "kafkalz4.h"
    #define ZSTD_STATIC_LINKING_ONLY /* ZSTD_decompressBound */
    #include <zstd.h>
    #include <zstd_errors.h>
    """
    ctypedef struct LZ4F_preferences_t:
        pass
    ctypedef struct LZ4F_dctx:
        pass
    unsigned LZ4F_VERSION
    LZ4F_preferences_t fairlead_lz4_preferences(int level)
    unsigned LZ4F_isError(size_t code) nogil
    const char *LZ4F_getErrorName(size_t code)
    size_t LZ4F_compressFrameBound(size_t size, const LZ4F_preferences_t *preferences)
    size_t LZ4F_compressFrame(void *out, size_t room, const void *data, size_t size, const LZ4F_preferences_t *preferences) nogil
    size_t LZ4F_createDecompressionContext(LZ4F_dctx **context, unsigned version)
    size_t LZ4F_freeDecompressionContext(LZ4F_dctx *context)
    size_t LZ4F_decompress(LZ4F_dctx *context, void *out, size_t *room, const void *data, size_t *size, const void *options) nogil

    const unsigned long long ZSTD_CONTENTSIZE_ERROR
    int ZSTD_error_dstSize_tooSmall
    unsigned ZSTD_isError(size_t code)
    int ZSTD_getErrorCode(size_t code)
    const char *ZSTD_getErrorName(size_t code)
    size_t ZSTD_compressBound(size_t size)
    size_t ZSTD_compress(void *out, size_t room, const void *data, size_t size, int level) nogil
    size_t ZSTD_decompress(void *out, size_t room, const void *data, size_t size) nogil
    unsigned long long ZSTD_decompressBound(const void *data, size_t size) nogil

# What LZ4F_decompress stopped at.
cdef enum Stop:
    DONE
    FULL
    CUT
    BROKEN

fairlead_crc32c_prepare()


cdef class _Buffer:
    """The bytes of an object, whatever its items are."""

    cdef Py_buffer view
    cdef const unsigned char *at
    cdef size_t size

    def __cinit__(self, data):
        PyObject_GetBuffer(data, &self.view, PyBUF_SIMPLE)
        self.at = <const unsigned char *>self.view.buf
        self.size = self.view.len

    def __dealloc__(self):
        PyBuffer_Release(&self.view)


cdef size_t _room(Py_ssize_t limit, unsigned long long wanted) except 0:
    """Return how much to allocate: what is wanted, but one byte over the limit, which tells that there was more, and no further."""
    if limit < 0:
        raise ValueError("limit is negative")
    wanted = min(wanted, <unsigned long long>limit + 1)
    return wanted if wanted else 1


def lz4_compress(data, int level=0):
    cdef _Buffer buffer = _Buffer(data)
    cdef LZ4F_preferences_t preferences = fairlead_lz4_preferences(level)
    cdef PyObject *out = NULL
    cdef size_t room, made
    room = LZ4F_compressFrameBound(buffer.size, &preferences)
    try:
        out = PyBytes_FromStringAndSize(NULL, room)
        with nogil:
            made = LZ4F_compressFrame(PyBytes_AS_STRING(out), room, buffer.at, buffer.size, &preferences)
        if LZ4F_isError(made):
            raise MemoryError(LZ4F_getErrorName(made).decode())
        _PyBytes_Resize(&out, made)
        return <bytes>out
    finally:
        Py_XDECREF(out)


cdef Stop _lz4_run(
    LZ4F_dctx *context, const unsigned char *data, size_t size, size_t *used, char *out, size_t room, size_t *made
) noexcept nogil:
    """Decompress until the input ends at the end of a frame, or nothing moves, or the room is full."""
    cdef size_t hint, taken, got
    while True:
        taken = size - used[0]
        got = room - made[0]
        hint = LZ4F_decompress(context, out + made[0], &got, data + used[0], &taken, NULL)
        if LZ4F_isError(hint):
            return BROKEN
        used[0] += taken
        made[0] += got
        if hint == 0 and used[0] == size:
            return DONE
        if made[0] == room:
            return FULL
        if taken == 0 and got == 0:
            return CUT


def lz4_decompress(data, Py_ssize_t limit):
    cdef _Buffer buffer = _Buffer(data)
    cdef LZ4F_dctx *context = NULL
    cdef PyObject *out = NULL
    cdef size_t used = 0, made = 0, room = _room(limit, 65536 + 4 * <unsigned long long>buffer.size)
    cdef Stop stop = CUT
    if buffer.size == 0:
        raise ValueError("lz4 data is cut")
    try:
        if LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION)):
            raise MemoryError()
        out = PyBytes_FromStringAndSize(NULL, room)
        while stop != DONE:
            with nogil:
                stop = _lz4_run(context, buffer.at, buffer.size, &used, PyBytes_AS_STRING(out), room, &made)
            if stop == BROKEN:
                raise ValueError("lz4 data is corrupt")
            if stop == CUT:
                raise ValueError("lz4 data is cut")
            if made > <size_t>limit:
                raise ValueError(f"lz4 data holds more than {limit} bytes")
            if stop == FULL:
                room = _room(limit, 2 * <unsigned long long>room)
                _PyBytes_Resize(&out, room)
        _PyBytes_Resize(&out, made)
        return <bytes>out
    finally:
        LZ4F_freeDecompressionContext(context)
        Py_XDECREF(out)


def zstd_compress(data, int level=1):
    cdef _Buffer buffer = _Buffer(data)
    cdef PyObject *out = NULL
    cdef size_t room = ZSTD_compressBound(buffer.size), made
    try:
        out = PyBytes_FromStringAndSize(NULL, room)
        with nogil:
            made = ZSTD_compress(PyBytes_AS_STRING(out), room, buffer.at, buffer.size, level)
        if ZSTD_isError(made):
            raise MemoryError(ZSTD_getErrorName(made).decode())
        _PyBytes_Resize(&out, made)
        return <bytes>out
    finally:
        Py_XDECREF(out)


def zstd_decompress(data, Py_ssize_t limit):
    cdef _Buffer buffer = _Buffer(data)
    cdef PyObject *out = NULL
    # At most: what the frames say, or as many full blocks as they have. Frames are decompressed in one go, so that a frame
    # cannot have a window allocated that it never fills.
    cdef unsigned long long bound = ZSTD_decompressBound(buffer.at, buffer.size)
    cdef size_t room = _room(limit, bound), made
    if buffer.size == 0 or bound == ZSTD_CONTENTSIZE_ERROR:
        raise ValueError("zstd data is cut or corrupt")
    try:
        out = PyBytes_FromStringAndSize(NULL, room)
        with nogil:
            made = ZSTD_decompress(PyBytes_AS_STRING(out), room, buffer.at, buffer.size)
        if ZSTD_isError(made):
            if bound > <unsigned long long>limit and ZSTD_getErrorCode(made) == ZSTD_error_dstSize_tooSmall:
                raise ValueError(f"zstd data holds more than {limit} bytes")
            raise ValueError("zstd data is corrupt")
        if made > <size_t>limit:
            raise ValueError(f"zstd data holds more than {limit} bytes")
        _PyBytes_Resize(&out, made)
        return <bytes>out
    finally:
        Py_XDECREF(out)


def crc32c(data, uint32_t value=0):
    cdef _Buffer buffer = _Buffer(data)
    with nogil:
        value = fairlead_crc32c(value, buffer.at, buffer.size)
    return value


def crc32c_portable(data, uint32_t value=0):
    cdef _Buffer buffer = _Buffer(data)
    with nogil:
        value = fairlead_crc32c_portable(value, buffer.at, buffer.size)
    return value
