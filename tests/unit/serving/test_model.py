"""The model as requests see it, and the catalogue's changes over it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import ArtifactError
from app.factorization.fit import fit
from app.factorization.hyperparameters import Hyperparameters
from app.factorization.objective import Factors
from app.factorization.quantized import QuantizedVectors
from app.serving.item_table import ItemTable
from app.serving.model import Model, from_arrays, to_arrays
from app.serving.snapshot import ItemChange, Snapshot
from app.serving.strings import StringTable
from tests.tastes import target_matrix

KEYS = np.array([30, 10, 20], np.int64)


def table() -> ItemTable:
    return ItemTable.of(
        item_keys=KEYS,
        item_ids=["a", "b/c", "ü"],
        titles=["Alien", None, "Über"],
        categories=[["horror", "space"], [], ["space", "space"]],
        hidden=[False, False, True],
        popularity=np.array([2, 5, 2]),
    )


def factors() -> Factors:
    user_items = target_matrix(4, 3)
    return fit(user_items, Hyperparameters(n_factors=2, n_epochs=2))


def model() -> Model:
    return from_arrays(7, to_arrays(factors(), table(), np.arange(4)), description())


def description() -> dict[str, object]:
    from dataclasses import asdict

    hyperparameters = asdict(factors().hyperparameters)
    return {"hyperparameters": hyperparameters, "n_changes": 1, "catalogue_revision": 0, "created_at": 1}


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), unique=True))
def test_a_string_table_gives_back_its_strings_and_finds_them(strings: list[str]) -> None:
    ordered = sorted(strings, key=str.encode)
    packed = StringTable.of(ordered)
    assert [packed[index] for index in range(len(packed))] == ordered
    assert [packed.find(string) for string in ordered] == list(range(len(ordered)))
    assert packed.find("".join(ordered) + "!") is None


def test_items_are_found_by_key_and_unknown_keys_are_minus_one() -> None:
    assert table().indices_of(np.array([10, 30, 99, 5, -1])).tolist() == [1, 0, -1, -1, -1]


def test_categories_list_their_items_once() -> None:
    assert table().category_members("space").tolist() == [0, 2]
    assert table().category_members("drama").tolist() == []


def test_popular_items_come_by_number_of_ratings_and_then_by_id() -> None:
    assert model().popular.tolist() == [1, 0, 2]


def test_a_hidden_item_and_items_of_other_categories_are_excluded() -> None:
    snapshot = Snapshot.of(model(), {})
    assert snapshot.excluded().tolist() == [False, False, True]
    assert snapshot.excluded(["horror", "drama"]).tolist() == [False, True, True]


def test_the_catalogues_changes_lie_over_the_model() -> None:
    changes = {
        1: ItemChange("Heat", frozenset({"crime"}), hidden=False),
        2: ItemChange(None, frozenset(), hidden=False),
    }
    snapshot = Snapshot.of(model(), changes)
    assert [snapshot.title(index) for index in range(3)] == ["Alien", "Heat", None]
    assert snapshot.excluded(["crime"]).tolist() == [True, False, True]
    assert snapshot.excluded(["space"]).tolist() == [False, True, True]
    assert not snapshot.excluded().any()


def test_a_model_survives_its_files() -> None:
    original, again = factors(), model()
    assert np.array_equal(again.factors.item_factors, QuantizedVectors.of(original.item_factors))
    assert [again.items.titles[index] for index in range(3)] == ["Alien", "", "Über"]


def test_a_version_of_the_release_before_is_served_as_it_was_trained() -> None:
    trained = factors()
    arrays = to_arrays(trained, table(), np.arange(4))
    for side in ("user", "item"):
        for name in QuantizedVectors.of(trained.user_factors).arrays(side):
            del arrays[name]
        arrays[f"{side}_factors"] = getattr(trained, f"{side}_factors")
    assert np.array_equal(from_arrays(7, arrays, description()).factors.item_factors, model().factors.item_factors)
    with pytest.raises(ArtifactError, match="item_factors is of type <f8"):
        from_arrays(7, arrays | {"item_factors": arrays["item_factors"].astype(np.float64)}, description())
    with pytest.raises(ArtifactError, match="there twice"):
        from_arrays(
            7, to_arrays(trained, table(), np.arange(4)) | {"item_factors": arrays["item_factors"]}, description()
        )
    arrays["item_factors"] = np.full_like(arrays["item_factors"], np.nan)
    with pytest.raises(ArtifactError, match="item_factors holds numbers that are not finite"):
        from_arrays(7, arrays, description())


@pytest.mark.parametrize("name", ["item_residuals", "user_levels", "mean_user", "item_ids_text", "user_keys"])
def test_a_version_that_lacks_an_array_is_refused(name: str) -> None:
    arrays = to_arrays(factors(), table(), np.arange(4))
    del arrays[name]
    with pytest.raises(ArtifactError, match=name):
        from_arrays(7, arrays, description())


@pytest.mark.parametrize("name", ["item_steps", "user_scales", "mean_user"])
def test_a_version_with_a_number_that_is_not_finite_is_refused(name: str) -> None:
    arrays = to_arrays(factors(), table(), np.arange(4))
    arrays[name] = arrays[name].copy()
    arrays[name].flat[0] = np.nan
    with pytest.raises(ArtifactError, match="not finite"):
        from_arrays(7, arrays, description())


def test_a_version_whose_arrays_contradict_each_other_is_refused() -> None:
    arrays = to_arrays(factors(), table(), np.arange(5))
    with pytest.raises(ArtifactError, match="does not fit"):
        from_arrays(7, arrays, description())


@pytest.mark.parametrize("offsets", [[0, -5, 2**31 - 1, 9], [0, 2**31 - 1, -(2**31), 9], [0, 9, 5, 9]])
def test_offsets_that_go_back_are_refused_however_far(offsets: list[int]) -> None:
    arrays = to_arrays(factors(), table(), np.arange(4))
    arrays["titles_offsets"] = np.array([*offsets[:3], len(arrays["titles_text"])], np.int32)
    with pytest.raises(ArtifactError, match="titles_offsets does not divide"):
        from_arrays(7, arrays, description())


@pytest.mark.parametrize("n_letters", [65_535, 65_536, 200_000])
def test_texts_are_read_in_parts_that_may_cut_characters(n_letters: int) -> None:
    arrays = to_arrays(factors(), table(), np.arange(4))
    title = "a" * n_letters + "é"
    arrays["titles_text"] = np.frombuffer(title.encode(), np.uint8)
    arrays["titles_offsets"] = np.array([0, 0, 0, n_letters + 2], np.int32)
    assert from_arrays(7, arrays, description()).items.titles[2] == title
    arrays["titles_text"] = np.frombuffer(b"a" * n_letters + b"\xc3a", np.uint8)
    with pytest.raises(ArtifactError, match="titles_text is no UTF-8"):
        from_arrays(7, arrays, description())
