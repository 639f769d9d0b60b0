"""Specification of the newline scan and oracle of the compiled kernel: native/linescan.pyx. Not used to read logs."""

from array import array


def scan(data: bytes | bytearray | memoryview, offsets: "array[int]", start: int = 0, base: int = 0) -> int:
    """Write `base` + the position of each newline in `data[start:]` to `offsets`, as many as it holds; return how many.

    `offsets` is an array of 'q' of the wanted length; when it comes back full, scan again from behind its last entry.
    """
    if offsets.typecode != "q":
        raise ValueError("offsets is an array of 'q'")
    if not 0 <= start <= len(data):
        raise ValueError("start lies outside of the data")
    count = 0
    for position in range(start, len(data)):
        if count == len(offsets):
            break
        if data[position] == ord("\n"):
            offsets[count] = base + position
            count += 1
    return count
