"""A version's files, damaged in every way at hand: each is refused, or answers as the undamaged ones do.

Half of the damages leave the manifest as it is, as a disk does or a careless person. For the other half the manifest is
written anew with matching checksums, as a faulty writer does: what is then accepted must answer without an error.
"""

import hashlib
import io
import os
import pickle
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from app.config import Settings
from app.errors import ArtifactError
from app.services.training.running import train_once
from app.serving.folding_in import fold_in_user
from app.serving.model import Model, from_arrays
from app.serving.snapshot import Snapshot
from app.storage import artifacts
from app.storage.artifacts import Artifacts, read_artifacts
from app.storage.catalogue import Item, upsert_items
from app.storage.engine import Store
from app.storage.migrate import migrate
from app.storage.ratings import Rating
from app.storage.upserts import upsert_ratings
from tests.tastes import two_tastes

Arrays = dict[str, Any]


def make_version(folder: Path) -> Path:
    """Train on a few ratings, and give back the directory of the version."""
    url = f"sqlite:///{folder / 'foldin.db'}"
    migrate(url)
    store = Store(url)
    rows = [Rating(str(r["user_id"]), str(r["item_id"]), float(str(r["value"])), 1) for r in two_tastes(12, 8)]
    with store.write() as connection:
        upsert_items(connection, [Item(f"i{n}", f"Film {n} ü", ["even" if n % 2 == 0 else "odd"]) for n in range(8)])
        upsert_ratings(connection, rows, now=1)
    settings = Settings(database_url=url, data_dir=folder, n_factors=4, n_epochs=2, n_threads=1)
    run = train_once(store, settings)
    store.close()
    assert run is not None
    assert run.model_version is not None, run.reason
    return settings.models_dir / str(run.model_version)


# What a disk or a person does.


def flip_bit(folder: Path, rng: random.Random) -> None:
    path = _any_file(folder, rng)
    content = bytearray(path.read_bytes())
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def overwrite(folder: Path, rng: random.Random) -> None:
    path = _any_file(folder, rng)
    content = bytearray(path.read_bytes())
    start = rng.randrange(len(content))
    content[start : start + 16] = rng.randbytes(len(content[start : start + 16]))
    path.write_bytes(content)


def truncate(folder: Path, rng: random.Random) -> None:
    path = _any_file(folder, rng)
    os.truncate(path, rng.randrange(path.stat().st_size))


def extend(folder: Path, rng: random.Random) -> None:
    with _any_file(folder, rng).open("ab") as file:
        file.write(rng.randbytes(rng.randrange(1, 100)))


def remove(folder: Path, rng: random.Random) -> None:
    _any_file(folder, rng).unlink()


def exchange(folder: Path, rng: random.Random) -> None:
    one, other = rng.sample(sorted(folder.iterdir()), 2)
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content + b" ")


def link(folder: Path, rng: random.Random) -> None:
    path = _any_file(folder, rng)
    moved = folder.with_name(f"moved-{path.name}")
    path.replace(moved)
    path.symlink_to(moved)


def add_foreign(folder: Path, rng: random.Random) -> None:
    (folder / rng.choice(["evil.npy", "model.pkl", ".hidden", "item_factors.npy.bak"])).write_bytes(b"foreign")


def pickled(folder: Path, rng: random.Random) -> None:
    _any_array(folder, rng).write_bytes(pickle.dumps({"a": 1}))


def unguard(folder: Path, rng: random.Random) -> None:
    _any_file(folder, rng).chmod(0o666)


def pipe(folder: Path, rng: random.Random) -> None:
    path = _any_file(folder, rng)
    path.unlink()
    os.mkfifo(path)


# What a faulty writer does, in the arrays; the manifest then agrees.


def other_type(arrays: Arrays, rng: random.Random) -> None:
    name = rng.choice(sorted(arrays))
    kind = rng.choice(["f8", "f2", "i2", "u8", "c8", "S3", ">f4", ">i8"])
    arrays[name] = arrays[name].astype(kind)


def other_shape(arrays: Arrays, rng: random.Random) -> None:
    name = rng.choice(sorted(arrays))
    array = arrays[name]
    changed = [array[..., None], array.reshape(-1)[:-1], np.concatenate([array.reshape(-1)] * 2), array[None]]
    arrays[name] = rng.choice([other for other in changed if other.shape != array.shape])


def not_finite(arrays: Arrays, rng: random.Random) -> None:
    name = rng.choice([name for name, array in arrays.items() if array.dtype.kind == "f" and array.size])
    array = arrays[name] = arrays[name].copy()
    array.flat[rng.randrange(array.size)] = rng.choice([np.nan, np.inf, -np.inf])


def wild_number(arrays: Arrays, rng: random.Random) -> None:
    names = [name for name, array in arrays.items() if array.dtype.kind in "iu" and array.size]
    name = rng.choice(names)
    array = arrays[name] = arrays[name].copy()
    limits = np.iinfo(array.dtype)
    wild = [limits.min, limits.max, 0, 1, min(array.size, limits.max), rng.randrange(limits.min, int(limits.max) + 1)]
    array.flat[rng.randrange(array.size)] = rng.choice(wild)


def missing(arrays: Arrays, rng: random.Random) -> None:
    del arrays[rng.choice(sorted(arrays))]


BY_DISK: list[Callable[[Path, random.Random], None]] = [
    *(flip_bit, flip_bit, flip_bit, overwrite, truncate, extend, remove, exchange, link, add_foreign, pickled),
    *(unguard, pipe),
]
BY_WRITER: list[Callable[[Arrays, random.Random], None]] = [other_type, other_shape, not_finite, wild_number, missing]


def run_model_files(*, seed: int, cycles: int, is_trusting: bool = False) -> dict[str, object]:
    """Damage a version again and again; a trusting reader, which compares no checksums, is the control."""
    rng, started, counts = random.Random(seed), time.monotonic(), Counter[str]()
    crashes: list[str] = []
    read = _read_trustingly if is_trusting else read_artifacts
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as place:
        original = make_version(Path(place))
        known = read_artifacts(original)
        answers = _answers(from_arrays(1, known.arrays, known.description))
        for _ in range(cycles):
            damaged = Path(place) / "damaged" / "1"
            by_disk = is_trusting or rng.random() < 0.5
            name = _damage_by_disk(original, damaged, rng) if by_disk else _damage_by_writer(known, damaged, rng)
            try:
                files = read(damaged)
                found = _answers(from_arrays(1, files.arrays, files.description))
                counts["harmless" if found == answers or not by_disk else "wrong"] += 1
            except ArtifactError:
                counts["refused"] += 1
            except Exception as error:  # noqa: BLE001 - the very thing that is counted
                counts["crashed"] += 1
                crashes.append(f"{name}: {error!r}")
            shutil.rmtree(damaged.parent)
    outcomes = {outcome: counts[outcome] for outcome in ("refused", "harmless", "wrong", "crashed")}
    return {**outcomes, "cycles": cycles, "crashes": crashes[:5], "seconds": round(time.monotonic() - started, 1)}


def _damage_by_disk(original: Path, damaged: Path, rng: random.Random) -> str:
    shutil.copytree(original, damaged)
    way = rng.choice(BY_DISK)
    way(damaged, rng)
    return way.__name__


def _damage_by_writer(known: Artifacts, damaged: Path, rng: random.Random) -> str:
    arrays: Arrays = dict(known.arrays)
    way = rng.choice(BY_WRITER)
    way(arrays, rng)
    damaged.parent.mkdir()
    artifacts.write_artifacts(damaged.parent, arrays, known.description).rename(damaged)
    return way.__name__


def _answers(model: Model) -> str:
    """Everything that an answer can come from, and answers, as one digest."""
    snapshot = Snapshot.of(model, {})
    n_items = snapshot.n_trained
    digest = hashlib.sha256(orjson.dumps(dict(model.description), option=orjson.OPT_SORT_KEYS))
    for rated in range(n_items):
        vector = fold_in_user(snapshot, np.array([rated]), np.array([1.0]))
        indices, scores = snapshot.search.top_n(vector, 5, snapshot.excluded(["even"]))
        if not np.isfinite(scores).all():
            raise FloatingPointError("scores are not finite")
        names = [(snapshot.item_id(int(index)), snapshot.title(int(index))) for index in indices]
        digest.update(repr((names, scores.tolist(), snapshot.popular.tolist())).encode())
    digest.update(repr(model.items.indices_of(np.arange(20)).tolist()).encode())
    digest.update((model.factors.user_factors[:] @ model.factors.item_factors[:].T).tobytes())
    if model.users is not None:
        digest.update(repr([model.users.history(int(index)).tolist() for index in model.users.user_indices]).encode())
        digest.update(model.users.user_digests.tobytes())
    return digest.hexdigest()


def _read_trustingly(folder: Path) -> Artifacts:
    try:
        manifest = orjson.loads((folder / "manifest.json").read_bytes())
        names: Mapping[str, Any] = manifest["files"]
        if not all((folder / f"{name}.npy").is_file() for name in names):
            raise FileNotFoundError("a trusting reader would wait for a pipe for ever")
        arrays = {name: np.load(io.BytesIO((folder / f"{name}.npy").read_bytes())) for name in names}
        return Artifacts(arrays, manifest["description"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, SyntaxError) as error:
        raise ArtifactError(str(error)) from error


def _any_file(folder: Path, rng: random.Random) -> Path:
    return rng.choice([path for path in sorted(folder.iterdir()) if path.stat().st_size])


def _any_array(folder: Path, rng: random.Random) -> Path:
    return rng.choice(sorted(folder.glob("*.npy")))
