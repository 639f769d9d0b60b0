"""Each of the proxy's bad manners, seen from a client."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.rig.flaky import Flaky, Mode
from tests.rig.ports import free_ports
from tests.support.waiting import wait_until


@pytest.fixture
def echo() -> Iterator[str]:
    """Address of a server that sends back what it gets."""
    listening = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def answer(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while data := connection.recv(65536):
                connection.sendall(data)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threads.append(threading.Thread(target=answer, args=(listening.accept()[0],)))
                threads[-1].start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    yield f"127.0.0.1:{listening.getsockname()[1]}"
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    for thread in (accepting, *threads):
        thread.join()


@pytest.fixture
def proxy(echo: str) -> Iterator[Flaky]:
    with Flaky(echo) as running:
        yield running


@contextlib.contextmanager
def connected(proxy: Flaky) -> Iterator[socket.socket]:
    host, port = proxy.address.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as client:
        yield client


def receive(client: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size and (data := client.recv(size - len(found))):
        found += data
    return found


def test_bytes_and_ends_go_through(proxy: Flaky) -> None:
    with connected(proxy) as client:
        sent = bytes(range(256)) * 1000
        client.sendall(sent)
        assert receive(client, len(sent)) == sent
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""


def test_connections_are_reset_and_refused_until_it_passes_again(proxy: Flaky) -> None:
    with connected(proxy) as client:
        client.sendall(b"a")
        assert receive(client, 1) == b"a"
        proxy.switch(Mode.REFUSE)
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    with pytest.raises(ConnectionRefusedError), connected(proxy):
        pass
    proxy.switch(Mode.PASS)
    with connected(proxy) as client:
        client.sendall(b"b")
        assert receive(client, 1) == b"b"


def test_a_black_hole_swallows_and_its_connections_are_never_reused(proxy: Flaky) -> None:
    with connected(proxy) as old:
        old.sendall(b"a")
        assert receive(old, 1) == b"a"
        proxy.switch(Mode.BLACK_HOLE)
        with connected(proxy) as new:
            for client in (old, new):
                client.sendall(b"b")
                client.settimeout(0.1)
                with pytest.raises(TimeoutError):
                    client.recv(1)
                client.settimeout(10)
            proxy.switch(Mode.PASS)
            for client in (old, new):
                with pytest.raises(ConnectionResetError):
                    client.recv(1)


@pytest.mark.parametrize(("direction", "arrives"), [("up", 10), ("down", 3)])
def test_a_connection_is_reset_once_after_so_many_bytes(proxy: Flaky, direction: str, arrives: int) -> None:
    proxy.reset_after(arrives, "up" if direction == "up" else "down")
    with connected(proxy) as client:
        client.sendall(b"0123456789abcdef")
        with pytest.raises(ConnectionResetError):
            receive(client, 100)
    assert (proxy.passed[direction], proxy.resets) == (arrives, 1)
    with connected(proxy) as client:
        client.sendall(b"again")
        assert receive(client, 5) == b"again"


def test_answers_come_later_when_there_is_a_delay(proxy: Flaky) -> None:
    proxy.delay_s = 0.05
    begun = time.monotonic()
    with connected(proxy) as client:
        client.sendall(b"a")
        assert receive(client, 1) == b"a"
    assert time.monotonic() - begun >= 0.1


def test_a_client_is_reset_when_the_server_is_gone(proxy: Flaky) -> None:
    proxy.target = f"127.0.0.1:{free_ports(1)[0]}"
    with pytest.raises(ConnectionResetError), connected(proxy) as client:
        client.recv(1)
    wait_until(lambda: proxy.connections == 1, "the connection")
