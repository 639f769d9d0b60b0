"""What every test runs under: coroutines on uvloop, a blocked event loop fails, and so do leaked tasks, descriptors and threads."""

import asyncio
import gc
import inspect
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
import uvloop
from blockbuster import BlockBuster

from tests.rig.emulation import is_foreign, machine_of, run_foreign
from tests.rig.fixtures import kafka, opensearch  # noqa: F401 - fixtures of every test
from tests.support.program import BINARY, Running, Start
from tests.support.receiver import Receiver


def pytest_configure() -> None:
    """Let libuv make its process-wide pipe for signals now, so that no test seems to leave it behind."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(asyncio.sleep(0))


@pytest.fixture(scope="session", autouse=True)
def _foreign_file() -> None:
    """Where the one file is for another processor it runs under qemu-user, with that processor's C library from this host."""
    if BINARY and is_foreign(Path(BINARY)):
        run_foreign(machine_of(Path(BINARY)))


@pytest.fixture(autouse=True)
def _blocking_call_detector(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail what blocks the event loop; only calls inside a coroutine count. What may block is named here, with its reason."""
    if "browser" in request.fixturenames:
        # Playwright's synchronous interface runs the test itself inside an event loop.
        yield
        return
    detector = BlockBuster(scanned_modules=["fairlead"])
    detector.activate()
    yield
    detector.deactivate()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a coroutine test on uvloop, and fail it for tasks that it leaves behind."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}

    async def checked() -> None:
        await pyfuncitem.obj(**arguments)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"tasks left behind: {left}"

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(checked())
    return True


@pytest.fixture(autouse=True)
def _leak_check(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves descriptors or threads behind; those of wider fixtures are opened before or stay."""
    if request.node.get_closest_marker("real"):
        yield
        return
    before = _descriptors(), set(threading.enumerate())
    yield
    gc.collect()
    descriptors = _descriptors() - before[0]
    threads = {thread for thread in set(threading.enumerate()) - before[1] if thread.is_alive()}
    assert not descriptors, f"descriptors left open: {[_target(fd) for fd in descriptors]}"
    assert not threads, f"threads left running: {threads}"


@pytest.fixture
def start() -> Iterator[Start]:
    """Start commands; those still running at the end are killed."""
    started: list[Running] = []

    def starting(
        *arguments: str, env: Mapping[str, str] | None = None, before: Sequence[str] = (), program: Sequence[str] | None = None
    ) -> Running:
        started.append(Running(*arguments, env=env, before=before, program=program))
        return started[-1]

    yield starting
    for running in started:
        running.end(signal.SIGKILL)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A server that takes what is posted."""
    made = Receiver()
    yield made
    made.close()


def _descriptors() -> set[int]:
    listing = {int(name) for name in os.listdir("/proc/self/fd")}
    return {fd for fd in listing if Path(f"/proc/self/fd/{fd}").exists() or _target(fd)}


def _target(fd: int) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return ""
