"""Cursors: what continues a listing, sealed so that no process has to remember anything between two pages.

A cursor is base64url text of a signed block: a JSON header, then arrays. It names the model version, and carries the
query, the vectors, and the items that must not come again. Only a process that knows the store's secret can make one.
What thousands of ratings make long is compressed, since an address that is longer than 64 KiB is no address any more.
"""

import base64
import binascii
import hashlib
import hmac
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from app.errors import InvalidInputError
from app.services.tastes import Taste
from app.serving.item_table import Floats
from app.serving.packed_integers import pack_integers, unpack_integers

_N_SEAL_BYTES = 16
_LONG = 3_000  # bytes; the cursor of a few hundred ratings is shorter, and takes no time to compress
_COMPRESSED = bytes(4)  # in place of the length of the header, which is never empty


@dataclass(slots=True)
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
    if not cursor.tastes:
        parts += [b"", b"", b""]  # as releases without reasons for groups write and read it
    for taste in cursor.tastes:
        parts += [
            pack_integers(taste.rated),
            np.asarray(taste.targets, "<f4").tobytes(),
            np.asarray(taste.timestamps, "<i8").tobytes(),
        ]
    block = b"".join(len(part).to_bytes(4, "little") + part for part in parts)
    if len(block) > _LONG:
        block = _COMPRESSED + zlib.compress(block, 1)
    return base64.urlsafe_b64encode(_signature(block, secret) + block).decode().rstrip("=")


def unseal(text: str, secret: bytes, pointer: str = "/cursor") -> Cursor:
    """Read a cursor.

    Parameters
    ----------
    text : str
        As it was given.
    secret : bytes
        The store's.
    pointer : str
        Where it was in the request, for errors.

    Returns
    -------
    Cursor
        What it carries.

    Raises
    ------
    InvalidInputError
        If it is not one that was made with this secret, to the last character.
    """
    refusal = InvalidInputError("use a cursor as it was given", [(pointer, "is not one of ours")])
    try:
        sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise refusal from None
    signature, block = sealed[:_N_SEAL_BYTES], sealed[_N_SEAL_BYTES:]
    is_exact = base64.urlsafe_b64encode(sealed).decode().rstrip("=") == text  # spare bits at the end say nothing
    if not is_exact or not hmac.compare_digest(signature, _signature(block, secret)):
        raise refusal
    if block.startswith(_COMPRESSED):
        block = zlib.decompress(block[len(_COMPRESSED) :])
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


def _signature(block: bytes, secret: bytes) -> bytes:
    return hashlib.blake2b(block, key=secret, digest_size=_N_SEAL_BYTES).digest()


def _split(block: bytes) -> list[bytes]:
    parts, at = [], 0
    while at < len(block):
        size = int.from_bytes(block[at : at + 4], "little")
        parts.append(block[at + 4 : at + 4 + size])
        at += 4 + size
    return parts
