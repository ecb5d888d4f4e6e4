"""Cursors: what continues a listing, sealed so that no process has to remember anything between two pages.

A cursor is base64url text of a signed block: a JSON header, then arrays. It names the model version, and carries the
query, the vectors, and the items that must not come again. Only a process that knows the store's secret can make one.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from app.errors import InvalidInputError
from app.services.tastes import NOTHING, Taste
from app.serving.item_table import Floats

_N_SEAL_BYTES = 16
_NOT_OURS = ("use a cursor as it was given", [("/cursor", "is not one of ours")])
_DIGITS = 7  # of a number in 8 bits; the eighth says that more follow


@dataclass(frozen=True, slots=True)
class Cursor:
    """What a cursor carries.

    Attributes
    ----------
    header : dict
        JSON: the version and the query.
    vectors : ndarray of shape (n_members, n_factors), float32
        A user's vector, or those of a group's members.
    out : ndarray of shape (n_out,), intp
        Items that must not come; ascending.
    tastes : sequence of Taste
        The ratings of each member, where reasons are wanted.
    """

    header: dict[str, Any]
    vectors: Floats
    out: NDArray[np.intp]
    tastes: Sequence[Taste] = ()


def seal(cursor: Cursor, secret: bytes) -> str:
    """Write a cursor.

    Parameters
    ----------
    cursor : Cursor
        What to carry.
    secret : bytes
        The store's.

    Returns
    -------
    str
        Of the characters ``A-Z a-z 0-9 - _``.
    """
    header = cursor.header | {"shape": cursor.vectors.shape}
    parts = [
        orjson.dumps(header),
        np.asarray(cursor.vectors, "<f4").tobytes(),
        pack_integers(cursor.out),
    ]
    for taste in cursor.tastes or [NOTHING]:  # as releases without reasons for groups write and read it
        parts += [
            pack_integers(taste.rated),
            np.asarray(taste.targets, "<f4").tobytes(),
            np.asarray(taste.timestamps, "<i8").tobytes(),
        ]
    block = b"".join(len(part).to_bytes(4, "little") + part for part in parts)
    return base64.urlsafe_b64encode(_signature(block, secret) + block).decode().rstrip("=")


def unseal(text: str, secret: bytes) -> Cursor:
    """Read a cursor.

    Parameters
    ----------
    text : str
        As it was given.
    secret : bytes
        The store's.

    Returns
    -------
    Cursor
        What it carries.

    Raises
    ------
    InvalidInputError
        If it is not one that was made with this secret, to the last character.
    """
    try:
        sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInputError(*_NOT_OURS) from None
    signature, block = sealed[:_N_SEAL_BYTES], sealed[_N_SEAL_BYTES:]
    is_exact = base64.urlsafe_b64encode(sealed).decode().rstrip("=") == text  # spare bits at the end say nothing
    if not is_exact or not hmac.compare_digest(signature, _signature(block, secret)):
        raise InvalidInputError(*_NOT_OURS)
    header_part, vectors, out, *reasons = _split(block)
    header = orjson.loads(header_part)
    return Cursor(
        header,
        np.frombuffer(vectors, "<f4").reshape(header.pop("shape")),
        unpack_integers(out),
        [
            Taste(
                unpack_integers(rated),
                np.frombuffer(targets, "<f4").astype(np.float64),
                np.frombuffer(timestamps, "<i8").astype(np.int64),
            )
            for rated, targets, timestamps in zip(reasons[::3], reasons[1::3], reasons[2::3], strict=True)
        ],
    )


def pack_integers(numbers: Sequence[int] | NDArray[np.integer]) -> bytes:
    """Write a set of numbers in few bytes: each as its distance from the one before, in groups of 7 bits.

    Parameters
    ----------
    numbers : sequence of int
        Not negative.

    Returns
    -------
    bytes
        One for each distance below 128, two below 16,384, and so on.
    """
    if not len(numbers):
        return b""
    ascending = np.asarray(numbers, np.int64)
    if (ascending[1:] <= ascending[:-1]).any():
        ascending = np.unique(ascending)
    distances = [*ascending[:1].tolist(), *(ascending[1:] - ascending[:-1]).tolist()]
    return b"".join([_PACKED[left] if left < len(_PACKED) else _packed(left) for left in distances])


def _packed(number: int) -> bytes:
    groups = bytearray()
    while number >> _DIGITS:
        groups.append(number & 0x7F | 0x80)
        number >>= _DIGITS
    groups.append(number)
    return bytes(groups)


_PACKED = [_packed(number) for number in range(1 << 12)]


def unpack_integers(packed: bytes) -> NDArray[np.intp]:
    """Read what ``pack_integers`` wrote.

    Parameters
    ----------
    packed : bytes
        As written.

    Returns
    -------
    ndarray of shape (n,), intp
        Ascending.
    """
    distances, number, shift = [], 0, 0
    for byte in packed:
        number |= (byte & 0x7F) << shift
        shift += _DIGITS
        if byte < 1 << _DIGITS:
            distances.append(number)
            number, shift = 0, 0
    return np.cumsum(np.array(distances, np.intp))


def _signature(block: bytes, secret: bytes) -> bytes:
    return hashlib.blake2b(block, key=secret, digest_size=_N_SEAL_BYTES).digest()


def _split(block: bytes) -> list[bytes]:
    parts, at = [], 0
    while at < len(block):
        size = int.from_bytes(block[at : at + 4], "little")
        parts.append(block[at + 4 : at + 4 + size])
        at += 4 + size
    return parts
