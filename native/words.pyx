# Whether a log line has the phrases of a query.
# Twin and specification: src/fairlead/_native/words_pure.py.
#
# A word is a run of ASCII letters and digits or of bytes above 0x7F; ASCII is compared without case. Words beyond ASCII come folded.

from libc.stdint cimport uint8_t

cdef extern from "Python.h":
    const char *PyUnicode_AsUTF8AndSize(object text, Py_ssize_t *size) except NULL

# What a byte is in a word: itself in lower case, 0 where it ends one.
cdef uint8_t FOLD[256]


cdef void _fill() noexcept:
    cdef int i
    for i in range(256):
        if (48 <= i <= 57) or (97 <= i <= 122) or i >= 128:
            FOLD[i] = <uint8_t>i
        elif 65 <= i <= 90:
            FOLD[i] = <uint8_t>(i + 32)
        else:
            FOLD[i] = 0


_fill()


cdef class PhraseMatcher:
    cdef tuple _phrases, _excluded
    cdef object _fold

    def __init__(self, phrases, excluded, fold):
        self._phrases = tuple(tuple(word.encode() for word in phrase) for phrase in phrases)
        self._excluded = tuple(tuple(word.encode() for word in phrase) for phrase in excluded)
        self._fold = fold

    def __call__(self, str message not None):
        cdef Py_ssize_t size
        cdef const uint8_t *data
        if not message.isascii():
            message = self._fold(message)
        data = <const uint8_t *>PyUnicode_AsUTF8AndSize(message, &size)
        for phrase in self._phrases:
            if not _has(data, <size_t>size, <tuple>phrase):
                return False
        for phrase in self._excluded:
            if _has(data, <size_t>size, <tuple>phrase):
                return False
        return True


cdef bint _has(const uint8_t *data, size_t end, tuple phrase):
    """Tell whether the words of a phrase stand in a row."""
    cdef size_t at = 0, next_at, place
    cdef size_t count = len(phrase)
    cdef bytes first = <bytes>phrase[0]
    while True:
        while at < end and FOLD[data[at]] == 0:
            at += 1
        if at >= end:
            return False
        next_at = _match(data, end, at, first)
        if next_at:
            place = 1
            while place < count:
                while next_at < end and FOLD[data[next_at]] == 0:
                    next_at += 1
                next_at = _match(data, end, next_at, <bytes>phrase[place])
                if next_at == 0:
                    break
                place += 1
            if place == count:
                return True
        while at < end and FOLD[data[at]]:
            at += 1


cdef size_t _match(const uint8_t *data, size_t end, size_t at, bytes word):
    """Return where the word that begins here ends if it is this one, else 0."""
    cdef const uint8_t *wanted = <const uint8_t *><const char *>word
    cdef size_t size = len(word), i
    if at + size > end or size == 0:
        return 0
    for i in range(size):
        if FOLD[data[at + i]] != wanted[i]:
            return 0
    if at + size < end and FOLD[data[at + size]]:
        return 0
    return at + size
