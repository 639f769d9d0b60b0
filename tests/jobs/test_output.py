"""Each line comes out once: in the order of the input, or as it came."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.jobs.output import Output


def _put_all(order: list[int], *, keep_order: bool, held_bytes: int) -> list[int]:
    out = bytearray()

    async def main() -> None:
        with Output(out.extend, keep_order=keep_order, held_bytes=held_bytes) as output:
            await asyncio.gather(*(output.put(serial, b"%d %b\n" % (serial, b"x" * (serial * 7 % 50))) for serial in order))
            await output.close()

    asyncio.run(main())
    lines = out.decode().splitlines()
    assert all(line.partition(" ")[2] == "x" * (int(line.split(" ")[0]) * 7 % 50) for line in lines)
    return [int(line.split(" ")[0]) for line in lines]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 60).flatmap(lambda n: st.permutations(range(n))), st.sampled_from([0, 40, 10**6]))
def test_lines_that_came_in_any_order_go_out_in_that_of_the_input(order: list[int], held_bytes: int) -> None:
    assert _put_all(order, keep_order=True, held_bytes=held_bytes) == sorted(order)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 60).flatmap(lambda n: st.permutations(range(n))))
def test_lines_go_out_as_they_come_where_that_is_wanted(order: list[int]) -> None:
    assert _put_all(order, keep_order=False, held_bytes=0) == order
