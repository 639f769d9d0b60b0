"""Tables of /proc: lines of a key and numbers, read by pread and parsed into doubles without an object a field.

Twin and specification: src/fairlead/_native/procparse_pure.py. Formats: proc(5).
"""

from cpython cimport array
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.math cimport NAN
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memchr, memcpy, memrchr
from posix.unistd cimport pread

import array as _array

cdef extern from *:
    """
    #include <errno.h>
    static inline int fairlead_errno(void) { return errno; }
    #include <string.h>
    /* Eight bytes a step: xor, multiply, fold; the step of FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/) made wider. */
    #define FNV_OFFSET 0xcbf29ce484222325ULL
    #define FNV_PRIME 0x9e3779b97f4a7c15ULL
    static inline unsigned long long fairlead_mix(unsigned long long hash, unsigned long long word) {
        hash = (hash ^ word) * FNV_PRIME;
        return hash ^ (hash >> 32);
    }
    static inline unsigned long long fairlead_hash(unsigned long long hash, const unsigned char *at, size_t bytes) {
        unsigned long long word;
        hash = fairlead_mix(hash, bytes + 1);
        for (; bytes >= 8; at += 8, bytes -= 8) {
            memcpy(&word, at, 8);
            hash = fairlead_mix(hash, word);
        }
        for (word = 0; bytes; bytes--) word = word << 8 | *at++;
        return fairlead_mix(hash, word);
    }
    """
    int fairlead_errno() nogil
    const unsigned long long FNV_OFFSET
    unsigned long long fairlead_hash(unsigned long long hash, const unsigned char *at, size_t size) nogil

cdef extern from "string.h":
    void *memrchr(const void *, int, size_t) nogil

cdef array.array _DOUBLES = _array.array("d")

cdef Py_ssize_t FIRST_BUFFER = 16384


cdef inline const unsigned char *_skip_blanks(const unsigned char *at, const unsigned char *end) noexcept nogil:
    while at < end and (at[0] == c' ' or at[0] == c'\t'):
        at += 1
    return at


cdef inline const unsigned char *_skip_word(const unsigned char *at, const unsigned char *end) noexcept nogil:
    while at < end and at[0] != c' ' and at[0] != c'\t':
        at += 1
    return at


cdef inline const unsigned char *_number(const unsigned char *at, const unsigned char *end, double *out) noexcept nogil:
    """Parse the word at `at`: nearly always digits and no more, so in one pass."""
    cdef const unsigned char *begin = at
    cdef unsigned long long whole = 0
    while at < end and c'0' <= at[0] <= c'9':
        whole = whole * 10 + (at[0] - c'0')
        at += 1
    if 0 < at - begin < 19 and (at == end or at[0] == c' ' or at[0] == c'\t'):
        out[0] = <double>whole
        return at
    return _other_number(begin, end, out)


cdef const unsigned char *_other_number(const unsigned char *at, const unsigned char *end, double *out) noexcept nogil:
    """Parse the word at `at` (after its last `=`, if it has one); NaN where it is not a decimal number."""
    cdef const unsigned char *stop = _skip_word(at, end)
    cdef const unsigned char *equals
    cdef unsigned long long whole = 0
    cdef double value, unit = 1.0
    cdef bint negative = False
    cdef int digits = 0
    if at < stop and (at[0] < c'0' or at[0] > c'9'):
        equals = <const unsigned char *>memrchr(at, c'=', stop - at)
        if equals != NULL:
            at = equals + 1
        if at < stop and at[0] == c'-':
            negative = True
            at += 1
    while at < stop and c'0' <= at[0] <= c'9' and digits < 19:
        whole = whole * 10 + (at[0] - c'0')
        digits += 1
        at += 1
    value = <double>whole
    while at < stop and c'0' <= at[0] <= c'9':
        value = value * 10.0 + (at[0] - c'0')
        at += 1
    if digits and at < stop and at[0] == c'.':
        at += 1
        whole = 0
        while at < stop and c'0' <= at[0] <= c'9' and unit < 1e15:
            whole = whole * 10 + (at[0] - c'0')
            unit *= 10.0
            at += 1
        value += <double>whole / unit
        while at < stop and c'0' <= at[0] <= c'9':
            at += 1
    if not digits or at != stop:
        value = NAN
    out[0] = -value if negative else value
    return stop


cdef class Table:
    cdef unsigned char *_data
    cdef Py_ssize_t _capacity, _length
    cdef double *_cells
    cdef double *_held
    cdef Py_ssize_t _cell_capacity, _held_cells
    cdef unsigned long long _fingerprint, _held_fingerprint
    cdef Py_ssize_t _rows, _columns
    cdef int _key_word, _skip_lines
    cdef bint _colon_key, _single_read

    def __cinit__(self, Py_ssize_t columns, int key_word=0, int skip_lines=0, bint colon_key=False, bint single_read=False):
        if columns < 1:
            raise ValueError("a table has at least one column")
        self._columns, self._key_word, self._skip_lines = columns, key_word, skip_lines
        self._colon_key, self._single_read = colon_key, single_read
        self._capacity = FIRST_BUFFER
        self._data = <unsigned char *>malloc(self._capacity)
        self._cell_capacity = 64 * columns
        self._cells = <double *>malloc(self._cell_capacity * sizeof(double))
        if self._data == NULL or self._cells == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self._data)
        free(self._cells)
        free(self._held)

    @property
    def rows(self):
        return self._rows

    def read(self, int descriptor):
        cdef Py_ssize_t got
        self._length = 0
        while True:
            if self._length == self._capacity:
                self._reserve(self._capacity * 2)
            got = pread(descriptor, self._data + self._length, self._capacity - self._length, self._length)
            if got < 0:
                error = fairlead_errno()
                if error == 4:
                    continue
                self._length = 0
                raise OSError(error, "pread")
            if got == 0:
                break
            self._length += got
            if self._single_read and self._length < self._capacity:
                break
        return self._parse()

    def parse(self, const unsigned char[::1] data not None):
        cdef Py_ssize_t length = data.shape[0]
        if length > self._capacity:
            self._reserve(length)
        if length:
            memcpy(self._data, &data[0], length)
        self._length = length
        return self._parse()

    def data(self):
        return PyBytes_FromStringAndSize(<char *>self._data, self._length)

    def gather(self, array.array index not None, array.array scale not None):
        cdef Py_ssize_t count = len(index), i, cell, cells = self._rows * self._columns
        cdef int *place
        cdef double *factor
        cdef double *out
        if index.typecode != "i" or scale.typecode != "d" or len(scale) != count:
            raise ValueError("index is an array of 'i' and scale one of 'd', of the same length")
        cdef array.array values = array.clone(_DOUBLES, count, False)
        place, factor, out = index.data.as_ints, scale.data.as_doubles, values.data.as_doubles
        for i in range(count):
            cell = place[i]
            out[i] = self._cells[cell] * factor[i] if 0 <= cell < cells else NAN
        return values

    def hold(self, int watch, double jump):
        cdef Py_ssize_t row, column, base, cells = self._rows * self._columns, held = 0
        if not 0 <= watch < self._columns:
            raise ValueError("watch is not a column")
        if self._held != NULL and self._held_fingerprint == self._fingerprint and self._held_cells == cells:
            for row in range(self._rows):
                base = row * self._columns
                if self._held[base + watch] - self._cells[base + watch] > jump:
                    continue
                for column in range(base, base + self._columns):
                    if self._held[column] > self._cells[column]:
                        self._cells[column] = self._held[column]
                        held += 1
        if cells != self._held_cells or self._held == NULL:
            fresh = <double *>realloc(self._held, max(cells, 1) * sizeof(double))
            if fresh == NULL:
                raise MemoryError
            self._held = fresh
        if cells:
            memcpy(self._held, self._cells, cells * sizeof(double))
        self._held_cells, self._held_fingerprint = cells, self._fingerprint
        return held

    cdef int _reserve(self, Py_ssize_t capacity) except -1:
        cdef unsigned char *fresh = <unsigned char *>realloc(self._data, capacity)
        if fresh == NULL:
            raise MemoryError
        self._data, self._capacity = fresh, capacity
        return 0

    cdef int _reserve_row(self) except -1:
        cdef double *fresh
        if (self._rows + 1) * self._columns > self._cell_capacity:
            fresh = <double *>realloc(self._cells, 2 * self._cell_capacity * sizeof(double))
            if fresh == NULL:
                raise MemoryError
            self._cells = fresh
            self._cell_capacity *= 2
        return 0

    cdef object _parse(self):
        cdef const unsigned char *at = self._data
        cdef const unsigned char *end = self._data + self._length
        cdef const unsigned char *line_end
        cdef const unsigned char *key_end
        cdef unsigned long long fingerprint = FNV_OFFSET
        cdef double *cells
        cdef Py_ssize_t column
        cdef int skip = self._skip_lines, word
        self._rows = 0
        while at < end:
            line_end = <const unsigned char *>memchr(at, c'\n', end - at)
            if line_end == NULL:
                line_end = end
            if skip:
                skip -= 1
                at = line_end + 1
                continue
            at = _skip_blanks(at, line_end)
            if at == line_end:
                at += 1
                continue
            self._reserve_row()
            cells = self._cells + self._rows * self._columns
            if self._colon_key:
                key_end = <const unsigned char *>memrchr(at, c':', line_end - at)
                if key_end == NULL:
                    key_end = at
            elif self._key_word >= 0:
                for word in range(self._key_word):
                    at = _skip_blanks(_skip_word(at, line_end), line_end)
                key_end = _skip_word(at, line_end)
            else:
                key_end = at
            fingerprint = fairlead_hash(fingerprint, at, key_end - at)
            at = key_end
            if self._colon_key and at < line_end and at[0] == c':':
                at += 1
            for column in range(self._columns):
                at = _skip_blanks(at, line_end)
                if at < line_end:
                    at = _number(at, line_end, &cells[column])
                else:
                    cells[column] = NAN
            self._rows += 1
            at = line_end + 1
        self._fingerprint = fingerprint
        return fingerprint
