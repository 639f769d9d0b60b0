from array import array

from typing_extensions import Buffer

def scan(data: Buffer, offsets: array[int], start: int = 0, base: int = 0) -> int: ...
