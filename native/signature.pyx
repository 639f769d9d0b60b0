"""Signatures of blocks of lines: which words occur in a block, as bits, and such signatures turned into rows.

Twin and specification: src/fairlead/_native/signature_pure.py. The C is in include/word_bits.h.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memset

cdef extern from "Python.h":
    const char *PyUnicode_AsUTF8AndSize(object text, Py_ssize_t *size) except NULL
    int PyUnicode_KIND(object text)
    void *PyUnicode_DATA(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    Py_UCS4 PyUnicode_READ(int kind, void *data, Py_ssize_t at)

cdef extern from "word_bits.h" nogil:
    enum:
        SIGNATURE_BITS "FAIRLEAD_SIGNATURE_BITS"
        SIGNATURE_WORDS "FAIRLEAD_SIGNATURE_WORDS"
        WORD_PLACES "FAIRLEAD_WORD_PLACES"
    uint64_t fairlead_little_endian(uint64_t word)
    void fairlead_word_places(const unsigned char *at, size_t size, const unsigned char *readable, uint32_t *places)
    size_t fairlead_sign(uint64_t *bits, const unsigned char *text, size_t size)
    unsigned char *fairlead_put_utf8(unsigned char *out, uint32_t code)
    void fairlead_transpose(const unsigned char *const *signatures, size_t count, unsigned char *rows)

BITS = SIGNATURE_BITS

# What is known of how a character is folded: nothing, that it goes, or else what stands for it.
cdef enum:
    CHARACTERS = 0x110000
    UNKNOWN = 0
    GONE = 1


cdef class Signature:
    cdef uint64_t _bits[SIGNATURE_WORDS]
    cdef size_t _set, _full
    cdef object _fold
    cdef uint32_t *_folded
    cdef unsigned char *_text
    cdef Py_ssize_t _room

    def __cinit__(self, Py_ssize_t full, fold):
        self._full, self._fold = full, fold
        self.clear()

    def __dealloc__(self):
        free(self._folded)
        free(self._text)

    def add(self, list messages not None, Py_ssize_t first, Py_ssize_t most):
        cdef Py_ssize_t at = first, size
        cdef const char *text
        if first < 0 or first > len(messages):
            raise IndexError("first lies outside of messages")
        most = min(most, len(messages) - first) + first
        while at < most and self._set < self._full:
            message = messages[at]
            if not isinstance(message, str):
                raise TypeError("a message is no text")
            if (<str>message).isascii():
                text = PyUnicode_AsUTF8AndSize(message, &size)
                self._set += fairlead_sign(self._bits, <const unsigned char *>text, size)
            else:
                size = self._fold_all(message)
                self._set += fairlead_sign(self._bits, self._text, size)
            at += 1
        return at - first

    cdef Py_ssize_t _fold_all(self, str message) except -1:
        """Write a message to `_text`, its characters beyond ASCII as they are folded; return its bytes."""
        cdef int kind = PyUnicode_KIND(message)
        cdef void *data = PyUnicode_DATA(message)
        cdef Py_ssize_t length = PyUnicode_GET_LENGTH(message), at
        cdef unsigned char *out
        cdef uint32_t code, folded
        if 4 * length > self._room:
            out = <unsigned char *>realloc(self._text, 8 * length)
            if out == NULL:
                raise MemoryError
            self._text, self._room = out, 8 * length
        if self._folded == NULL:
            # Pages that no text needs are never touched.
            self._folded = <uint32_t *>calloc(CHARACTERS, sizeof(uint32_t))
            if self._folded == NULL:
                raise MemoryError
        out = self._text
        for at in range(length):
            code = PyUnicode_READ(kind, data, at)
            if code < 128:
                out[0] = <unsigned char>code
                out += 1
                continue
            folded = self._folded[code]
            if folded == UNKNOWN:
                folded = self._folded[code] = self._ask(code)
            if folded != GONE:
                out = fairlead_put_utf8(out, folded)
        return out - self._text

    cdef uint32_t _ask(self, uint32_t code) except? 0:
        cdef Py_ssize_t size
        chr(code).encode()  # raises where it is a surrogate
        text = self._fold(code)
        if not isinstance(text, str) or len(text) > 1:
            raise ValueError("a character is folded to one or to nothing")
        PyUnicode_AsUTF8AndSize(text, &size)
        return GONE if not text else max(<uint32_t>ord(text), <uint32_t>32)  # none below is of a word

    @property
    def full(self):
        return self._set >= self._full

    def bits(self):
        cdef bytes bits = PyBytes_FromStringAndSize(NULL, SIGNATURE_BITS // 8)
        cdef uint64_t *out = <uint64_t *>PyBytes_AS_STRING(bits)
        cdef int i
        for i in range(SIGNATURE_WORDS):
            out[i] = fairlead_little_endian(self._bits[i])
        return bits

    def clear(self):
        self._set = 0
        memset(self._bits, 0, sizeof(self._bits))


def places(str word not None):
    cdef uint32_t found[WORD_PLACES]
    cdef Py_ssize_t size
    cdef const unsigned char *text = <const unsigned char *>PyUnicode_AsUTF8AndSize(word, &size)
    fairlead_word_places(text, size, text + size, found)
    return tuple([found[i] for i in range(WORD_PLACES)])


def has(bytes signature not None, tuple wanted not None):
    cdef const unsigned char *bits = <const unsigned char *>PyBytes_AS_STRING(signature)
    cdef uint32_t place
    if PyBytes_GET_SIZE(signature) != SIGNATURE_BITS // 8:
        raise ValueError("no signature")
    for place in wanted:
        if place >= SIGNATURE_BITS:
            raise ValueError("no place of a signature")
        if not bits[place >> 3] >> (place & 7) & 1:
            return False
    return True


def transpose(list signatures not None):
    cdef Py_ssize_t count = len(signatures), i
    cdef const unsigned char **columns
    cdef bytes rows, signature
    if count % 8:
        raise ValueError("not a multiple of 8 signatures")
    columns = <const unsigned char **>malloc((count + 1) * sizeof(columns[0]))
    if columns == NULL:
        raise MemoryError
    try:
        for i in range(count):
            signature = signatures[i]
            if signature is None or PyBytes_GET_SIZE(signature) != SIGNATURE_BITS // 8:
                raise ValueError("no signature")
            columns[i] = <const unsigned char *>PyBytes_AS_STRING(signature)
        rows = PyBytes_FromStringAndSize(NULL, SIGNATURE_BITS * count // 8)
        fairlead_transpose(columns, count, <unsigned char *>PyBytes_AS_STRING(rows))
        return rows
    finally:
        free(columns)
