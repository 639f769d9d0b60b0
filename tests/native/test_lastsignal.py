"""Signals that end a process whose interpreter does not come to its handlers."""

import signal
import subprocess
import sys
import time

import pytest

from fairlead._native.lastsignal import end_at_second

ASTRAY = """
import os, re, signal, sys, threading, time
from fairlead._native.lastsignal import end_at_second
handled = []


def handle(*_):
    handled.append(1)
    os.write(1, b"handled\\n")  # print is not to be entered twice


signal.signal(signal.SIGTERM, handle)
signal.signal(signal.SIGINT, handle)
end_at_second([signal.SIGTERM, signal.SIGINT], int(sys.argv[1]))
print("ready", flush=True)
if sys.argv[2] == "astray":
    thread = threading.Thread(target=re.search, args=("(a+)+$", "a" * 60 + "b"), daemon=True)
    thread.start()
    thread.join()
while len(handled) < 2:
    time.sleep(0.01)
"""


def _start(*arguments: str) -> "subprocess.Popen[str]":
    process = subprocess.Popen([sys.executable, "-c", ASTRAY, *arguments], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.real
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_a_process_that_holds_the_interpreter(number: signal.Signals) -> None:
    with _start("0", "astray") as process:
        deadline = time.monotonic() + 20
        while process.poll() is None and time.monotonic() < deadline:
            # Two that wait at once are delivered as one.
            process.send_signal(number)
            time.sleep(0.01)
        assert process.poll() == 128 + number


@pytest.mark.real
def test_the_same_signal_sent_twice_is_one() -> None:
    with _start("600000", "idle") as process:
        assert process.stdout is not None
        for _ in range(2):
            process.send_signal(signal.SIGTERM)
            assert process.stdout.readline() == "handled\n"
        assert process.wait(20) == 0


def test_a_signal_without_a_handler_is_refused() -> None:
    with pytest.raises(ValueError, match="signal 1000: Invalid argument"):
        end_at_second([1000], 1)
    with pytest.raises(ValueError, match="signal 12: "):
        end_at_second([signal.SIGUSR2], 1)
