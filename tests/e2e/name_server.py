"""A DNS server as small as a test needs it (RFC 1035)."""

import socket
import struct
import threading

_HEADER = struct.Struct(">6H")
_TYPE_A, _CLASS_IN = 1, 1
_ANSWERED, _NO_SUCH_NAME = 0x8180, 0x8183
"""QR, RD and RA, with RCODE 0 or 3 (RFC 1035, section 4.1.1)."""
_NAME_OF_QUESTION = 0xC00C
"""A pointer to the name at offset 12 (RFC 1035, section 4.1.4)."""


class NameServer:
    """Answers by UDP on port 53 of `address` for the names that have an IPv4 address here; `asked` holds those that it was asked for."""

    def __init__(self, address: str, names: dict[str, str]) -> None:
        self.asked: list[str] = []
        self._names = names
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, 53))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            question, sender = self._socket.recvfrom(512)
            if not question:
                return
            self._socket.sendto(self._answer(question), sender)

    def _answer(self, message: bytes) -> bytes:
        number = _HEADER.unpack_from(message)[0]
        end = message.index(b"\0", _HEADER.size) + 1
        question = message[_HEADER.size : end + 4]
        name, kind = _dotted(question), struct.unpack_from(">H", message, end)[0]
        self.asked.append(name)
        known = self._names.get(name)
        if known is None:
            return _HEADER.pack(number, _NO_SUCH_NAME, 1, 0, 0, 0) + question
        if kind != _TYPE_A:
            return _HEADER.pack(number, _ANSWERED, 1, 0, 0, 0) + question
        address = struct.pack(">HHHIH4s", _NAME_OF_QUESTION, _TYPE_A, _CLASS_IN, 60, 4, socket.inet_aton(known))
        return _HEADER.pack(number, _ANSWERED, 1, 1, 0, 0) + question + address

    def close(self) -> None:
        """Stop answering: an empty datagram to itself, from its own namespace, is the word for it."""
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()


def _dotted(question: bytes) -> str:
    labels, at = [], 0
    while size := question[at]:
        labels.append(question[at + 1 : at + 1 + size].decode())
        at += 1 + size
    return ".".join(labels)
