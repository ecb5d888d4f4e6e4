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

    user_id: OutsideId
    item_id: OutsideId
    value: float = Field(allow_inf_nan=False, description="On the service's rating scale.")
    timestamp: Timestamp = None


class RatingsWritten(BaseModel):
    """What a write did; ``ignored`` ratings were older than what is stored."""

    accepted: int
    created: int
    updated: int
    ignored: int


class RatingOut(BaseModel):
    """A stored rating."""

    item_id: str
    value: float
    timestamp: str


class RatingsPage(BaseModel):
    """A page of a user's ratings, by item id; ``next_cursor`` is null at the end."""

    items: list[RatingOut]
    next_cursor: str | None


class ErasureReceipt(BaseModel):
    """What erasing a user did, and the first model version that was trained without that user."""

    erasure_id: int
    erased_at: str
    n_ratings: int
    without_version: int | None


class ItemOut(BaseModel):
    """An item of the catalogue."""

    item_id: str
    title: str | None
    categories: list[str]
    hidden: bool
    available_from: str | None
    available_until: str | None
    attributes: dict[str, Any]


class ItemsPage(BaseModel):
    """A page of items by id; ``next_cursor`` is null at the end."""

    items: list[ItemOut]
    next_cursor: str | None


class ScoredItem(BaseModel):
    """An item of an answer; ``cold`` when nobody has rated it, so that its score is a guess from its categories."""

    item_id: str
    score: float | None
    title: str | None
    cold: bool = False


class Reason(BaseModel):
    """What one of the user's ratings adds to a score."""

    item_id: str
    contribution: float


class RecommendedItem(ScoredItem):
    """A recommended item; when reasons are asked for, they add up to the score."""

    because: list[Reason] | None = None
    because_rest: float | None = None
    because_everyone: float | None = None
    because_exploration: float | None = None


class Recommendations(BaseModel):
    """What a user should see next, best first, ties by item id; ``seed`` repeats an exploration."""

    user_id: str
    strategy: Literal["personal", "popular"]
    model_version: int | None
    degraded: bool
    items: list[RecommendedItem]
    next_cursor: str | None
    seed: int | None = None


class MemberScoreOut(BaseModel):
    """What an item scores for one member of a group; when reasons are asked for, they add up to this score."""

    user_id: str
    score: float
    because: list[Reason] | None = None
    because_rest: float | None = None
    because_everyone: float | None = None
    because_exploration: float | None = None


class GroupItemOut(RecommendedItem):
    """A recommended item; for a group with each member's score."""

    members: list[MemberScoreOut] | None = None


class UnchangedList(BaseModel):
    """What would have been answered without the ratings in the question."""

    strategy: Literal["personal", "popular"]
    items: list[GroupItemOut]


class GroupRecommendations(BaseModel):
    """What someone should see next: ``user_id`` is null for a visitor and for a group."""

    user_id: str | None
    user_ids: list[str] = []
    strategy: Literal["personal", "popular"]
    model_version: int | None
    degraded: bool
    items: list[GroupItemOut]
    next_cursor: str | None
    seed: int | None = None
    unchanged: UnchangedList | None = None


class SimilarItems(BaseModel):
    """Items like an item, or like several; scores are cosines unless products are asked for."""

    item_id: str | None = None
    item_ids: list[str] | None = None
    model_version: int
    items: list[ScoredItem]


class Questions(BaseModel):
    """Items to ask a newcomer about, the most telling first."""

    model_version: int | None
    items: list[ScoredItem]


class SimilarUserOut(BaseModel):
    """A user who is like another; the score is a cosine."""

    user_id: str
    score: float


class SimilarUsers(BaseModel):
    """The trained users who are most like a user."""

    user_id: str
    model_version: int | None
    users: list[SimilarUserOut]


class PredictionOut(BaseModel):
    """What a user would rate an item; null where nothing is known of the item, or the version was not calibrated."""

    item_id: str
    score: float | None
    value: float | None
    standard_deviation: float | None


class Predictions(BaseModel):
    """What a user would rate some items."""

    user_id: str
    model_version: int
    degraded: bool
    items: list[PredictionOut]


class PopularItems(BaseModel):
    """Items for everyone; a score is a number of ratings, counted less the older they are where it is about trends."""

    model_version: int | None
    items: list[ScoredItem]


class TrainingRunOut(BaseModel):
    """One training, filling as it runs."""

    id: int
    status: Literal["queued", "running", "succeeded", "refused", "failed", "skipped"]
    reason: str | None
    requested_at: str
    started_at: str | None
    finished_at: str | None
    n_ratings: int | None
    n_users: int | None
    n_items: int | None
    load_seconds: float | None
    epochs: list[dict[str, Any]]
    metrics: dict[str, Any]
    hyperparameters: dict[str, Any]
    model_version: int | None


class ModelVersionOut(BaseModel):
    """A model version: how and on what it was trained."""

    version: int
    is_active: bool
    created_at: str
    training_run_id: int
    description: dict[str, Any]


class ActivatedVersion(ModelVersionOut):
    """The version that is served now, and whether new ones are published only when a training is asked for."""

    is_publishing_paused: bool


class Readiness(BaseModel):
    """Whether reads can be answered, and from what."""

    status: Literal["ready", "starting", "draining"]
    store: Literal["ok", "unreachable"]
    model_version: int | None
    refused_version: int | None
    model_age_seconds: float | None
