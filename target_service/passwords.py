"""Passwords are stored as scrypt hashes, which cost an attacker memory as well as time."""

import asyncio
import base64
import hashlib
import hmac
import secrets

_BLOCK_SIZE = 8
_SALT_BYTES = 16
# Below this cost a hash takes less time than handing it to a thread would.
_COST_WORTH_A_THREAD = 10


def _scrypt(password: str, salt: bytes, cost: int) -> bytes:
    # scrypt needs 128 * block size * work factor bytes; OpenSSL refuses more than it is told.
    memory_bytes_max = 128 * _BLOCK_SIZE * 2**cost * 2 + 2**20
    return hashlib.scrypt(
        password.encode(), salt=salt, n=2**cost, r=_BLOCK_SIZE, p=1, maxmem=memory_bytes_max
    )


def hash_password(password: str, cost: int) -> str:
    """A self-describing hash, ``scrypt$cost$salt$digest``, with a fresh salt."""
    salt = secrets.token_bytes(_SALT_BYTES)
    digest = _scrypt(password, salt, cost)
    return f"scrypt${cost}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def password_matches(password: str, stored: str) -> bool:
    """Whether ``password`` is the one behind ``stored``, compared in constant time."""
    _, cost, salt, digest = stored.split("$")
    expected = base64.b64decode(digest)
    return hmac.compare_digest(_scrypt(password, base64.b64decode(salt), int(cost)), expected)


async def password_matches_async(password: str, stored: str) -> bool:
    """``password_matches`` that leaves the event loop free while an expensive hash is made."""
    if int(stored.split("$")[1]) < _COST_WORTH_A_THREAD:
        return password_matches(password, stored)
    return await asyncio.to_thread(password_matches, password, stored)


async def hash_passwords(passwords: list[str], cost: int) -> list[str]:
    """Hashes of many passwords in their order, made in a thread."""

    def hash_all() -> list[str]:
        return [hash_password(password, cost) for password in passwords]

    return await asyncio.to_thread(hash_all)
