"""Which agent bears which token: a file of `AGENT_ID TOKEN` lines."""

import hashlib
import hmac
import re
import secrets
from pathlib import Path

from fairlead.core.errors import UsageError

AGENT_ID = re.compile(r"[A-Za-z0-9._:@-]{1,128}")
_ANY = "*"


class AgentTokens:
    """Knows agents by their tokens; of the tokens only digests are kept, and nothing of them leaves, in errors neither.

    An agent with a line of its own is known by that token alone; `* TOKEN` is for all the others. Lines that begin with # are comments.
    """

    def __init__(self, file: str) -> None:
        self._digests = _read(file)
        self._nobodys = secrets.token_bytes(32)

    def is_right(self, agent: str, authorization: str) -> bool:
        """Tell whether an Authorization header proves an agent; it takes the same work for agents that nobody knows."""
        scheme, _, given = authorization.partition(" ")
        wanted = self._digests.get(agent) or self._digests.get(_ANY) or self._nobodys
        same = hmac.compare_digest(_digest(given.strip().encode(errors="surrogateescape")), wanted)
        return same and scheme.lower() == "bearer"


def _read(file: str) -> dict[str, bytes]:
    try:
        lines = Path(file).read_bytes().splitlines()
    except OSError as error:
        raise UsageError(f"tokens_file: {file}: {error.strerror}; give a file that this user can read") from None
    digests: dict[str, bytes] = {}
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or words[0].startswith(b"#"):
            continue
        agent = words[0].decode(errors="replace")
        if len(words) != 2 or not (agent == _ANY or AGENT_ID.fullmatch(agent)):
            raise UsageError(f"tokens_file: {file}:{number}: allowed is AGENT_ID TOKEN or * TOKEN")
        if agent in digests:
            raise UsageError(f"tokens_file: {file}:{number}: this agent has a token already; allowed is one line an agent")
        digests[agent] = _digest(words[1])
    if not digests:
        raise UsageError(f"tokens_file: {file} holds no token; write a line AGENT_ID TOKEN into it")
    return digests


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()
