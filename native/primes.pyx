"""Primality of 64-bit numbers by trial division. Twin and specification: src/fairlead/_native/primes_pure.py; the C is in include/primes_*.h.

Method `trial` is the twin's algorithm as it stands: every i with i*i <= n, one at a time, the remainder by exact double arithmetic.
Method `simd` tries 2 and every odd number up to the square root, 4 to 16 at a time, each by a multiplication with its inverse; the divisors'
inverses are made when the module is loaded. No call knows of another one, and nothing is sieved. From 2**32 on it is Miller-Rabin.
"""

from cpython.exc cimport PyErr_CheckSignals
from cpython.number cimport PyNumber_Index
from libc.stdint cimport uint64_t

cdef extern from "primes_simd.h" nogil:
    ctypedef int (*Test "fairlead_prime_test")(uint64_t n)
    ctypedef struct Form "fairlead_prime_form":
        const char *name
        Test test
    enum:
        FORMS "FAIRLEAD_PRIME_FORMS"
    void fairlead_fill_divisors()
    size_t fairlead_prime_forms(Form *forms)
    int fairlead_is_prime_trial(uint64_t n)
    uint64_t fairlead_count_primes(Test test, uint64_t first, uint64_t last)

cdef Form _forms[FORMS]
cdef size_t _form_count = fairlead_prime_forms(_forms)
fairlead_fill_divisors()

ISAS = tuple([_forms[at].name.decode() for at in range(_form_count)])
_END = 1 << 64


def is_prime(n, method="simd", isa=None):
    cdef Test test
    cdef uint64_t number
    cdef int answer
    _choose(method, isa, &test)
    n = PyNumber_Index(n)
    if n >= _END:
        raise OverflowError("n is above 2**64 - 1")
    if n < 0:
        return False
    number = n
    with nogil:
        answer = test(number)
    return answer != 0


def count_primes(lo, hi, threads=1, method="simd", isa=None):
    cdef _Count count = _Count()
    _choose(method, isa, &count.test)
    lo, hi, threads = max(PyNumber_Index(lo), 0), PyNumber_Index(hi), PyNumber_Index(threads)
    if hi > _END:
        raise OverflowError("hi is above 2**64")
    if threads < 1:
        raise ValueError("threads is below 1")
    if lo >= hi:
        return 0
    chunk = _chunk(hi, method)
    count.hi, count.chunk, count.chunks = hi, chunk, iter(range(lo, hi, chunk))
    threads = min(threads, (hi - lo + chunk - 1) // chunk)
    if threads == 1:
        count.work()
    else:
        _spread(count, threads)
    return count.primes


cdef int _choose(method, isa, Test *test) except -1:
    """Find the function for a method and, with `simd`, an instruction set; None is the fastest that this processor has."""
    if method == "trial":
        if isa is not None:
            raise ValueError("isa goes with method simd")
        test[0] = fairlead_is_prime_trial
        return 0
    if method != "simd":
        raise ValueError(f"method {method!r}: allowed are trial and simd")
    if isa is not None and isa not in ISAS:
        raise ValueError(f"isa {isa!r}: this processor has {', '.join(ISAS)}")
    test[0] = _forms[0 if isa is None else ISAS.index(isa)].test
    return 0


cdef _chunk(hi, method):
    """Choose how many numbers are counted in one go: some milliseconds of work, then a thread takes the next and signals are looked at."""
    cdef int bits = (hi - 1).bit_length()
    if method == "simd":
        bits = min(bits, 32)
    # The work for a number goes with its square root.
    return 1 << max(0, min(16, 26 - (bits + 1) // 2))


cdef class _Count:
    """A count that threads share; what is not in `work`'s nogil block is guarded by the interpreter's lock."""

    cdef Test test
    cdef object hi, chunk, chunks, primes
    cdef bint stopped

    def __cinit__(self):
        self.primes = 0

    def work(self):
        """Count chunk after chunk until none is left or the count was stopped."""
        cdef uint64_t first, last, primes
        while not self.stopped:
            begin = next(self.chunks, None)
            if begin is None:
                return
            first, last = begin, min(begin + self.chunk, self.hi) - 1
            with nogil:
                primes = fairlead_count_primes(self.test, first, last)
            self.primes += primes
            PyErr_CheckSignals()


cdef _spread(_Count count, threads):
    """Count in so many threads; this one is among them, so a signal's exception comes up here."""
    import threading

    others = []
    try:
        for at in range(1, threads):
            thread = threading.Thread(target=count.work, name=f"primes-{at}")
            thread.start()
            others.append(thread)
        count.work()
    except BaseException:
        count.stopped = True
        raise
    finally:
        for thread in others:
            thread.join()
