"""The JSON that comes in and goes out, as pydantic models: they check what comes, and document what goes."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from app.services.clock import now_microseconds
from app.services.policy import check_id, check_timestamp, to_microseconds


def _whole(number: object) -> object:
    # JSON has one kind of number, and JSON Schema takes 60.0 for an integer
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _decimal_string(outside_id: object) -> object:
    outside_id = _whole(outside_id)
    return str(outside_id) if type(outside_id) is int else outside_id


def _to_timestamp(moment: object) -> int | None:
    microseconds = to_moment(moment)
    return None if microseconds is None else check_timestamp(microseconds, now_microseconds())


def to_moment(moment: object) -> int | None:
    """Read a time in any of the forms that come in.

    Parameters
    ----------
    moment : object
        RFC 3339 text, epoch seconds, or None.

    Raises
    ------
    ValueError
        If it is something else.
    """
    if moment is None:
        return None
    if isinstance(moment, bool) or not isinstance(moment, int | float | str):
        raise ValueError("must be RFC 3339 text or a number of seconds since 1970")  # noqa: TRY004 - pydantic's word
    if isinstance(moment, str):
        return _parse_rfc3339(moment)
    microseconds = to_microseconds(moment)
    return microseconds if moment >= 0 else min(microseconds, -1)  # however little before 1970


def _parse_rfc3339(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("must be RFC 3339, such as 2026-01-31T12:00:00Z") from None
    if moment.tzinfo is None or "T" not in text.upper():
        raise ValueError("must be RFC 3339 with a time zone, such as 2026-01-31T12:00:00Z")
    since_1970 = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return since_1970.days * 86_400_000_000 + since_1970.seconds * 1_000_000 + since_1970.microseconds


ID_SCHEMA = {"type": "string", "minLength": 1, "maxLength": 256, "pattern": r"^[^\x00-\x1f\x7f-\x9f]+$"}
_ID_SCHEMA = {"anyOf": [ID_SCHEMA, {"type": "integer", "exclusiveMinimum": -1e255, "exclusiveMaximum": 1e256}]}
_TIME_SCHEMA = {
    "anyOf": [{"type": "string", "format": "date-time"}, {"type": "number", "minimum": 0}, {"type": "null"}]
}

OutsideId = Annotated[str, BeforeValidator(_decimal_string), AfterValidator(check_id), WithJsonSchema(_ID_SCHEMA)]
"""A user's or item's id in a body: a string, or an integer that is taken as its decimal string."""

AS_WHOLE = BeforeValidator(_whole)
"""Behind the limits of an integer in a body."""

Timestamp = Annotated[int | None, BeforeValidator(_to_timestamp), WithJsonSchema(_TIME_SCHEMA)]
"""RFC 3339 text or epoch seconds in; microseconds inside."""


class RatingIn(BaseModel):
    """A rating to store; without a timestamp the order of arrival decides which of two is newer."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    user_id: OutsideId = Field(description="The user.")
    item_id: OutsideId = Field(description="The item.")
    value: float = Field(allow_inf_nan=False, description="On the service's rating scale.")
    timestamp: Timestamp = Field(
        None, description="RFC 3339 or seconds since 1970; of two ratings of an item the newer one counts."
    )


class RatingsWritten(BaseModel):
    """What a write did; ``ignored`` ratings were older than what is stored."""

    accepted: int = Field(description="How many ratings came.")
    created: int = Field(description="How many were not there before.")
    updated: int = Field(description="How many took the place of another.")
    ignored: int = Field(description="How many were older than what is stored.")


class RatingOut(BaseModel):
    """A stored rating."""

    item_id: str = Field(description="The item.")
    value: float = Field(description="On the rating scale.")
    timestamp: str = Field(description="RFC 3339, UTC.")


class RatingsPage(BaseModel):
    """A page of a user's ratings, by item id; ``next_cursor`` is null at the end."""

    items: list[RatingOut] = Field(description="By item id.")
    next_cursor: str | None = Field(description="For `cursor` of the next call; null at the end.")


class ErasureReceipt(BaseModel):
    """What erasing a user did, and the first model version that was trained without that user."""

    erasure_id: int = Field(description="For `GET /erasures/{erasure_id}`.")
    erased_at: str = Field(description="RFC 3339, UTC.")
    n_ratings: int = Field(description="How many ratings were deleted.")
    without_version: int | None = Field(
        description="The first version trained without the user; null until there is one."
    )


class ItemOut(BaseModel):
    """An item of the catalogue."""

    item_id: str = Field(description="The item.")
    title: str | None = Field(description="For people; null when nobody has given one.")
    categories: list[str] = Field(description="What lists can be filtered by.")
    hidden: bool = Field(description="Never recommended while true.")
    available_from: str | None = Field(description="Recommended from then on; null for always.")
    available_until: str | None = Field(description="Recommended until just before then; null for always.")
    attributes: dict[str, Any] = Field(description="Anything else, as it was put.")


class ItemsPage(BaseModel):
    """A page of items by id; ``next_cursor`` is null at the end."""

    items: list[ItemOut] = Field(description="By item id.")
    next_cursor: str | None = Field(description="For `cursor` of the next call; null at the end.")


class TrainingRunOut(BaseModel):
    """One training, filling as it runs."""

    id: int = Field(description="Its number.")
    status: Literal["queued", "running", "succeeded", "refused", "failed", "skipped"] = Field(
        description="How far it has come."
    )
    reason: str | None = Field(description="Why it was refused, failed or skipped.")
    requested_at: str = Field(description="RFC 3339, UTC.")
    started_at: str | None = Field(description="RFC 3339, UTC.")
    finished_at: str | None = Field(description="RFC 3339, UTC.")
    n_ratings: int | None = Field(description="How many ratings were trained on.")
    n_users: int | None = Field(description="How many users these are of.")
    n_items: int | None = Field(description="How many items these are of.")
    load_seconds: float | None = Field(description="How long it took to read them.")
    epochs: list[dict[str, Any]] = Field(description="Loss and seconds of each pass of the final fit.")
    metrics: dict[str, Any] = Field(description="Measured on ratings that were held out.")
    hyperparameters: dict[str, Any] = Field(description="What it was trained with.")
    model_version: int | None = Field(description="The version that it published, if it did.")


class ModelVersionOut(BaseModel):
    """A model version: how and on what it was trained."""

    version: int = Field(description="Its number.")
    is_active: bool = Field(description="Whether it is served.")
    created_at: str = Field(description="RFC 3339, UTC.")
    training_run_id: int = Field(description="For `GET /training-runs/{run_id}`.")
    description: dict[str, Any] = Field(
        description="What it was trained on and with, its metrics, and the verdict that let it pass."
    )


class ActivatedVersion(ModelVersionOut):
    """The version that is served now, and whether new ones are published only when a training is asked for."""

    is_publishing_paused: bool = Field(
        description="Whether new versions are published only when a training is asked for."
    )


class Readiness(BaseModel):
    """Whether reads can be answered, and from what."""

    status: Literal["ready", "starting", "draining"] = Field(description="200 goes with `ready`, 503 with the others.")
    store: Literal["ok", "unreachable"] = Field(description="Whether the database answers.")
    model_version: int | None = Field(description="The version that is served.")
    refused_version: int | None = Field(description="The active version, when its files cannot be served.")
    model_age_seconds: float | None = Field(description="Since the served version was made.")
