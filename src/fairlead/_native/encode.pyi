from array import array
from collections.abc import Callable

from typing_extensions import Buffer, disjoint_base

def use_width(width: int) -> int: ...
def keep_heap(kept_bytes: int) -> bool: ...

@disjoint_base
class Encoder:
    def __new__(
        cls,
        path: bytes,
        source: bytes,
        host: bytes,
        agent: bytes,
        fields: bytes,
        max_line_bytes: int,
        local: Callable[[int], int | None],
    ) -> Encoder: ...
    def encode(
        self,
        data: Buffer,
        ends: array[int],
        start: int,
        first: int,
        count: int,
        base: int,
        read_ns: int,
        out_ends: array[int],
    ) -> bytes: ...
    def encode_line(self, data: Buffer, begin: int, end: int, flag: str, read_ns: int) -> bytes: ...
