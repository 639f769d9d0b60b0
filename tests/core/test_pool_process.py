"""A command as a process, and how it is ended."""

import asyncio
from pathlib import Path

from fairlead.core.pool.process import Attempt, Processes


async def test_output_is_kept_to_its_bound_and_the_exit_code_told() -> None:
    attempt = Attempt(3)
    await Processes().run(["sh", "-c", "echo abcdef; echo gh >&2; exit 4"], {}, None, attempt)
    assert (attempt.stdout.text, attempt.stdout.left_out, attempt.stderr.text, attempt.code) == ("abc", 4, "gh\n", 4)


async def test_to_be_told_to_hurry_ends_the_grace(tmp_path: Path) -> None:
    processes, attempt = Processes(grace_s=3600), Attempt(100)
    script = f"trap 'touch {tmp_path}/told' TERM; touch {tmp_path}/up; while :; do sleep 0.02; done"
    task = asyncio.create_task(processes.run(["sh", "-c", script], {}, None, attempt))
    async with asyncio.timeout(20):
        await _until_there(tmp_path / "up")
        task.cancel()
        await _until_there(tmp_path / "told")
        assert not task.done()
        processes.kill()
        await asyncio.wait([task])
    assert (task.cancelled(), attempt.code) == (True, -9)


async def _until_there(file: Path) -> None:
    while not await asyncio.to_thread(file.exists):  # noqa: ASYNC110 - another process makes it
        await asyncio.sleep(0.01)
