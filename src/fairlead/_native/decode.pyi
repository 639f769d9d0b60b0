from collections.abc import Callable, Sequence
from typing import Any

from typing_extensions import disjoint_base

@disjoint_base
class LineDecoder:
    def __new__(
        cls, levels: Sequence[str], origin: Callable[[bytes], Any | None], more: Callable[[bytes], tuple[str | None, str | None] | None]
    ) -> LineDecoder: ...
    def run(self, values: list[bytes], first: int) -> tuple[int, Any, int, bool, list[Any]] | None: ...
