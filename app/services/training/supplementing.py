"""Vectors for items that came after the training, within seconds and without another training.

An item that was rated gets its vector from its raters: each is folded in against the trained items only, then one row
is solved for the item. An item that nobody has rated gets the vector that its categories make likely.
"""

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

import numpy as np
import structlog
from scipy.sparse import csr_array

from app.config import Settings
from app.errors import ArtifactError, StoreUnavailableError
from app.factorization.content import content_bridge
from app.factorization.fold_in import FoldInItem
from app.factorization.recency import recency_weights_of_all
from app.services.clock import now_microseconds
from app.services.tastes import RatingScale
from app.serving.item_table import Floats, ItemTable
from app.serving.model import Model, from_arrays
from app.serving.supplement import Supplement
from app.storage import artifacts, catalogue, supplements, versions
from app.storage.catalogue import CatalogueRow
from app.storage.engine import Store
from app.storage.rating_changes import n_rating_changes
from app.storage.shipping import obtain_artifacts, ship_artifacts
from app.storage.supplements import RatingRows, supplement_name

POLL_SECONDS = 1.0
_REST_PER_WORK = 4.0  # looking for new ratings goes through all of them, so it may take a fifth of the time
_MOST_TRAINED = 20_000
_MOST_CATEGORIES = 2_000

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(slots=True)
class Supplementer:
    """Publishes supplements of the active version; from one thread.

    Attributes
    ----------
    store : Store
        Where items and ratings are.
    settings : Settings
        Where the versions lie, and the scale.
    """

    store: Store
    settings: Settings
    _model: Model | None = None
    _seen: tuple[int, int, int] | None = None
    _published: bytes = b""

    def run(self, stop: threading.Event) -> None:
        """Publish whenever there is something new, until stopped.

        Parameters
        ----------
        stop : threading.Event
            Ends the loop.
        """
        pause = POLL_SECONDS
        while not stop.wait(pause):
            began = monotonic()
            try:
                number = self.supplement()
                if number is not None:
                    log.info("supplement_published", number=number)
            except (StoreUnavailableError, ArtifactError, OSError) as error:
                log.warning("supplement_postponed", reason=str(error))
            except Exception:
                log.exception("supplement_failed")
            pause = max(POLL_SECONDS, _REST_PER_WORK * (monotonic() - began))

    def supplement(self) -> int | None:
        """Look once, and publish if there are new items or anything changed about them.

        Returns
        -------
        int or None
            The supplement's number; None when there was nothing to do.
        """
        with self.store.read() as connection:
            active = versions.active_version(connection)
            if active is None:
                return None
            seen = active, n_rating_changes(connection), catalogue.catalogue_revision(connection)
            if seen == self._seen:
                return None
            model = self._load(active)
            keys = np.setdiff1d(supplements.all_item_keys(connection), model.items.item_keys).tolist()
            rows = supplements.items_of(connection, keys)
            of_items = supplements.ratings_of_items(connection, keys)
            of_raters = supplements.ratings_of_users(connection, np.unique(of_items.user_keys).tolist())
        content = _digest(active, rows, of_items)
        if content == self._published:
            self._seen = seen
            return None
        found = build(model, rows, of_raters, RatingScale(*self.settings.rating_scale))
        number = None if found is None else self._publish(model, found)
        self._seen, self._published = seen, content
        return number

    def _load(self, version: int) -> Model:
        if self._model is None or self._model.version != version:
            files = obtain_artifacts(self.store, self.settings.models_dir, version)
            self._model = from_arrays(version, files.arrays, files.description)
        return self._model

    def _publish(self, model: Model, found: Supplement) -> int:
        models_dir, version, now = self.settings.models_dir, model.version, now_microseconds()
        folder = artifacts.write_artifacts(models_dir, found.arrays(), {"version": version})
        with self.store.write() as connection:
            number = supplements.latest_supplement(connection, version) + 1
            supplements.add_supplement(connection, version, number, n_items=len(found.is_cold), now=now)
            name = supplement_name(version, number)
            ship_artifacts(connection, artifacts.place_artifacts(folder, models_dir, name), name)
            created_before = now - round(self.settings.cursor_seconds * 1e6)
            old = supplements.forget_supplements(connection, created_before=created_before)
        artifacts.remove_artifacts(models_dir, old)
        return number


def build(model: Model, rows: Sequence[CatalogueRow], ratings: RatingRows, scale: RatingScale) -> Supplement | None:
    """Make vectors for new items.

    Parameters
    ----------
    model : Model
        The version, which does not have them.
    rows : sequence of CatalogueRow
        The new items, in the order of the ids' bytes.
    ratings : RatingRows
        All ratings of those who rated them, by user.
    scale : RatingScale
        Of the values.

    Returns
    -------
    Supplement or None
        Without number yet; None when no item can have a vector.
    """
    rated = set(ratings.item_keys.tolist())
    known = [row for row in rows if row.item_key in rated or _shares_category(model, row)]
    if not known:
        return None
    fold_in, vectors = FoldInItem.of(model.factors), _bridge(model, known)
    raters, recency = _fold_in_raters(model, ratings, scale)
    weights, n_ratings = np.empty(len(known), np.float32), np.zeros(len(known), np.float32)
    by_item = np.argsort(ratings.item_keys, kind="stable")
    starts = np.searchsorted(ratings.item_keys[by_item], [row.item_key for row in known])
    ends = np.searchsorted(ratings.item_keys[by_item], [row.item_key for row in known], side="right")
    for place, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        chosen = by_item[start:end]
        n_ratings[place], weights[place] = len(chosen), fold_in.item_weight(len(chosen))[0]
        if len(chosen):
            of_them = np.array([raters[key] for key in ratings.user_keys[chosen].tolist()])
            vectors[place] = fold_in.fold_in_item(of_them, scale.targets(ratings.values[chosen]), recency[chosen])
    table = ItemTable.of(
        item_keys=np.array([row.item_key for row in known], np.int64),
        item_ids=[row.item_id for row in known],
        titles=[row.title for row in known],
        categories=[row.categories for row in known],
        hidden=[row.hidden for row in known],
        popularity=n_ratings,
    )
    return Supplement(0, table, vectors, weights, n_ratings == 0)


def _digest(version: int, rows: Sequence[CatalogueRow], of_items: RatingRows) -> bytes:
    # what the raters rated besides changes vectors a little, and is not worth another supplement
    digest = hashlib.sha256(repr((version, [(row.item_key, row.revision) for row in rows])).encode())
    for column in of_items:
        digest.update(column.tobytes())
    return digest.digest()


def _shares_category(model: Model, row: CatalogueRow) -> bool:
    return any(model.items.category_names.find(name) is not None for name in row.categories)


def _fold_in_raters(model: Model, ratings: RatingRows, scale: RatingScale) -> tuple[dict[int, Floats], Floats]:
    # against trained items only; and what each rating weighs among all of its rater's
    users, starts = np.unique(ratings.user_keys, return_index=True)
    offsets = np.append(starts, len(ratings.user_keys))
    hyperparameters = model.factors.hyperparameters
    weights = recency_weights_of_all(offsets, ratings.timestamps, hyperparameters)
    weights = np.ones(len(ratings.values), np.float32) if weights is None else weights
    indices = model.items.indices_of(ratings.item_keys)
    order = np.lexsort((indices, ratings.user_keys))
    folded = {}
    for user_key, chosen in zip(users.tolist(), np.split(order, starts[1:]), strict=False):
        known = chosen[indices[chosen] >= 0]
        targets = scale.targets(ratings.values[known])
        folded[user_key] = model.fold_in.fold_in_user(indices[known], targets, weights[known])
    return folded, weights


def _bridge(model: Model, rows: Sequence[CatalogueRow]) -> Floats:
    # learnt from the largest categories and, in very large catalogues, from evenly spread items
    table, n_factors = model.items, model.factors.item_factors.shape[1]
    sizes = np.diff(table.category_offsets)
    largest = np.sort(np.argsort(-sizes, kind="stable")[:_MOST_CATEGORIES])
    column = {table.category_names[category]: place for place, category in enumerate(largest.tolist())}
    if not column:
        return np.zeros((len(rows), n_factors), np.float32)
    n_trained = len(table.item_keys)
    sample = np.unique(np.linspace(0, n_trained - 1, min(n_trained, _MOST_TRAINED)).astype(np.intp))
    place_of = np.full(n_trained, -1, np.intp)
    place_of[sample] = np.arange(len(sample))
    at_items, at_columns = [], []
    for name, place in column.items():
        members = place_of[table.category_members(name)]
        at_items += members[members >= 0].tolist()
        at_columns += [place] * int((members >= 0).sum())
    # one row for each set of categories, so that items that are described alike get equal bytes
    kinds = [frozenset(name for name in row.categories if name in column) for row in rows]
    numbers = {kind: at for at, kind in enumerate(dict.fromkeys(kinds), start=len(sample))}
    for kind, at in numbers.items():
        at_items += [at] * len(kind)
        at_columns += [column[name] for name in kind]
    shape = (len(sample) + len(numbers), len(column))
    content = csr_array((np.ones(len(at_items), np.float32), (at_items, at_columns)), shape=shape)
    factors = np.zeros((shape[0], n_factors), np.float32)
    factors[: len(sample)] = model.factors.item_factors[sample]
    bridged = content_bridge(factors, content, np.arange(shape[0]) < len(sample))
    return bridged[[numbers[kind] for kind in kinds]]
