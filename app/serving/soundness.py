"""What a version's arrays must be before anything reads from them: kinds, shapes, offsets, indices, finite numbers.

Compiled code takes indices on trust, so a wrong one would read elsewhere in memory.
"""

from codecs import getincrementaldecoder
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.errors import ArtifactError

Arrays = Mapping[str, NDArray[Any]]

_GREATEST = 1e30  # of what can be brought into three bytes a number without an overflow
_NOT_ASCII = 0x80
_DECODED_BYTES = 1 << 16

# By name: the type, or any of two, and the length of each axis. A length with + is one more, since it bounds as many
# parts; one with ? may be 0 instead; one that begins with _ is the array's own.
_ITEMS: dict[str, tuple[str, tuple[str, ...]]] = {
    "item_keys": ("<i8", ("items",)),
    "index_by_key": ("<i4", ("_keys",)),
    "category_offsets": ("<i8", ("categories+",)),
    "category_items": ("<i4", ("_members",)),
    "hidden": ("|b1", ("items",)),
    "popularity": ("<f4", ("items",)),
    "item_ids_text": ("|u1", ("_id_bytes",)),
    "item_ids_offsets": ("<i4 <i8", ("items+",)),
    "titles_text": ("|u1", ("_title_bytes",)),
    "titles_offsets": ("<i4 <i8", ("items+",)),
    "category_names_text": ("|u1", ("_name_bytes",)),
    "category_names_offsets": ("<i4 <i8", ("categories+",)),
}


def _vectors(side: str) -> dict[str, tuple[str, tuple[str, ...]]]:
    # as `QuantizedVectors` has them, which looks at the blocks itself
    return {
        f"{side}_residuals": ("<i2", (f"{side}s", "factors")),
        f"{side}_levels": ("|i1", (f"_{side}_blocks", "_columns", "_places")),
        f"{side}_steps": ("<f4", (f"_{side}_blocks", "_places")),
        f"{side}_scales": ("<f4", ("factors",)),
        f"{side}_inverse_lengths": ("<f4", (f"{side}s",)),
    }


_PER_FACTOR = ("mean_user", "mean_item", "user_is_free", "item_is_free", "item_gramian")
_MODEL = _ITEMS | {
    **_vectors("item"),
    **_vectors("user"),
    "item_weights": ("<f4", ("items",)),
    "mean_discount": ("<f4", ()),
    "item_selection": ("<f4", ("items?", "factors")),
    "user_selection": ("<f4", ("users?", "factors")),
    "user_keys": ("<i8", ("users",)),
    "popular": ("<i4", ("items",)),
    **dict.fromkeys(_PER_FACTOR, ("<f4", ("factors",))),
}
_USERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "user_digests": ("<u8", ("users",)),
    "user_indices": ("<i4", ("users",)),
    "history_offsets": ("<i8", ("users+",)),
    "history_items": ("<i4", ("_rated",)),
}
_SUPPLEMENT = _ITEMS | {
    "item_factors": ("<f4", ("items", "factors")),
    "item_weights": ("<f4", ("items",)),
    "is_cold": ("|b1", ("items",)),
}


def check_model(arrays: Arrays, description: Mapping[str, Any]) -> None:
    """Check the arrays of a version, and the numbers in its description that are counted on.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        By their names in the files.
    description : mapping
        From the manifest.

    Raises
    ------
    ArtifactError
        If one is missing or not what it must be.
    """
    for name in ("n_changes", "catalogue_revision", "created_at"):
        if not isinstance(description.get(name), int):
            raise ArtifactError(f"{name} is no whole number")
    has_users = any(name in arrays for name in _USERS)
    lengths = _check_shapes(arrays, _MODEL | (_USERS if has_users else {}), {})
    _check_items(arrays, lengths["items"])
    _check_indices(arrays, "popular", 0, lengths["items"])
    if has_users:
        _check_offsets(arrays, "history_offsets", "history_items")
        _check_indices(arrays, "history_items", 0, lengths["items"])
        _check_indices(arrays, "user_indices", 0, lengths["users"])


def check_supplement(arrays: Arrays, n_factors: int) -> None:
    """Check the arrays of a supplement.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        By their names in the files.
    n_factors : int
        Length of its version's vectors.

    Raises
    ------
    ArtifactError
        If one is missing or not what it must be.
    """
    _check_items(arrays, _check_shapes(arrays, _SUPPLEMENT, {"factors": n_factors})["items"])
    if np.abs(arrays["item_factors"]).max(initial=0) > _GREATEST:
        raise ArtifactError(f"item_factors holds numbers above {_GREATEST:g}")


def _check_shapes(
    arrays: Arrays, kinds: dict[str, tuple[str, tuple[str, ...]]], lengths: dict[str, int]
) -> dict[str, int]:
    for name, (kind, axes) in kinds.items():
        array = arrays.get(name)
        if array is None:
            raise ArtifactError(f"{name} is missing")
        if array.dtype.str not in kind.split() or array.ndim != len(axes):
            of_types = " or ".join(kind.split())
            raise ArtifactError(
                f"{name} is of type {array.dtype.str} with {array.ndim} axes, not {of_types} with {len(axes)}"
            )
        for length, axis in zip(array.shape, axes, strict=True):
            expected = lengths.setdefault(axis.rstrip("+?"), length - axis.endswith("+"))
            if length != expected + axis.endswith("+") and not (axis.endswith("?") and length == 0):
                raise ArtifactError(f"{name} has shape {array.shape}, which does not fit the other arrays")
        if kind == "|b1" and (array.view(np.uint8) > 1).any():
            raise ArtifactError(f"{name} holds what is neither true nor false")
    for name, array in arrays.items():  # the prepared copies of the vectors, too
        if array.dtype.kind == "f" and not _is_finite(array):
            raise ArtifactError(f"{name} holds numbers that are not finite")
    return lengths


def _is_finite(array: NDArray[Any]) -> bool:
    # NaN is the least and the greatest of what it is among; and no mask as long as the array is made
    return not array.size or bool(np.isfinite(array.min()) and np.isfinite(array.max()))


def _check_items(arrays: Arrays, n_items: int) -> None:
    for table in ("item_ids", "titles", "category_names"):
        _check_offsets(arrays, f"{table}_offsets", f"{table}_text")
        _check_text(arrays, table)
    _check_offsets(arrays, "category_offsets", "category_items")
    _check_indices(arrays, "category_items", 0, n_items)
    _check_indices(arrays, "index_by_key", -1, n_items)
    if (arrays["popularity"] < 0).any():
        raise ArtifactError("popularity holds negative numbers")


def _check_offsets(arrays: Arrays, name: str, target: str) -> None:
    offsets, n_targets = arrays[name], len(arrays[target])
    if len(offsets) == 0 or offsets[0] != 0 or offsets[-1] != n_targets or (offsets[1:] < offsets[:-1]).any():
        raise ArtifactError(f"{name} does not divide {target} into parts")


def _check_indices(arrays: Arrays, name: str, lowest: int, end: int) -> None:
    indices = arrays[name]
    if len(indices) and not lowest <= int(indices.min()) <= int(indices.max()) < end:
        raise ArtifactError(f"{name} points outside of what there is")


def _check_text(arrays: Arrays, table: str) -> None:
    text, offsets = arrays[f"{table}_text"], arrays[f"{table}_offsets"]
    if not text.size or text.max() < _NOT_ASCII:
        return
    decoder = getincrementaldecoder("utf-8")()
    try:  # in parts, since to decode a million titles at once would keep everybody else from the interpreter
        for start in range(0, len(text), _DECODED_BYTES):
            decoder.decode(text[start : start + _DECODED_BYTES].tobytes())
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise ArtifactError(f"{table}_text is no UTF-8") from error
    begins = offsets[offsets < len(text)]
    if ((text[begins] & 0xC0) == 0x80).any():
        raise ArtifactError(f"{table}_offsets cuts a character in two")
