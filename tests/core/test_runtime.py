"""What signals mean to a command that runs on."""

import signal
import subprocess
import sys
import time

import pytest

STUCK = """
import asyncio, re
from fairlead.core import runtime

async def main():
    async with runtime.Signals():
        print("ready", flush=True)
        await asyncio.to_thread(re.search, "(a+)+$", "a" * 60 + "b")
    return 0

runtime.run(main())
"""


@pytest.mark.real
def test_a_second_signal_ends_a_command_whose_loop_stands_still() -> None:
    with subprocess.Popen([sys.executable, "-c", STUCK], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        deadline = time.monotonic() + 20
        while process.poll() is None and time.monotonic() < deadline:
            process.send_signal(signal.SIGTERM)
            time.sleep(0.1)
        assert process.poll() == 128 + signal.SIGTERM
