"""The JSON of answers with items or users, as pydantic models, which document what goes out."""

from typing import Literal

from pydantic import BaseModel, Field


class ScoredItem(BaseModel):
    """An item of an answer; ``cold`` when nobody has rated it, so that its score is a guess from its categories."""

    item_id: str = Field(description="The item.")
    score: float | None = Field(
        description="What the items are ordered by; null where there is nothing to tell it from."
    )
    title: str | None = Field(description="For people; null when nobody has given one.")
    cold: bool = Field(
        False, description="Whether nobody has rated the item, so that the score is a guess from its categories."
    )


class Reason(BaseModel):
    """What one of the user's ratings adds to a score."""

    item_id: str = Field(description="The rated item.")
    contribution: float = Field(description="What the rating adds to the score.")


class RecommendedItem(ScoredItem):
    """A recommended item; when reasons are asked for, they add up to the score."""

    because: list[Reason] | None = Field(
        None, description="The user's ratings that matter most, when reasons are asked for."
    )
    because_rest: float | None = Field(None, description="What the user's other ratings add.")
    because_everyone: float | None = Field(None, description="What people like in general adds.")
    because_exploration: float | None = Field(None, description="What chance adds when exploring, else 0.")


class Recommendations(BaseModel):
    """What a user should see next, best first, ties by item id; ``seed`` repeats an exploration."""

    user_id: str = Field(description="The user.")
    strategy: Literal["personal", "popular"] = Field(
        description="`popular` for someone who has rated nothing that the version knows."
    )
    model_version: int | None = Field(description="The version that answered; null before there is one.")
    degraded: bool = Field(description="Whether the database could not be read, so that this is from what was trained.")
    items: list[RecommendedItem] = Field(description="Best first.")
    next_cursor: str | None = Field(description="For `cursor` of the next call; null at the end.")
    seed: int | None = Field(None, description="Repeats the exploration, when there was one.")


class MemberScoreOut(BaseModel):
    """What an item scores for one member of a group; when reasons are asked for, they add up to this score."""

    user_id: str = Field(description="The member.")
    score: float = Field(description="What the item scores for this member alone.")
    because: list[Reason] | None = Field(
        None, description="The user's ratings that matter most, when reasons are asked for."
    )
    because_rest: float | None = Field(None, description="What the user's other ratings add.")
    because_everyone: float | None = Field(None, description="What people like in general adds.")
    because_exploration: float | None = Field(None, description="What chance adds when exploring, else 0.")


class GroupItemOut(RecommendedItem):
    """A recommended item; for a group with each member's score."""

    members: list[MemberScoreOut] | None = Field(None, description="Each member's score, for a group.")


class UnchangedList(BaseModel):
    """What would have been answered without the ratings in the question."""

    strategy: Literal["personal", "popular"] = Field(
        description="`popular` for someone who has rated nothing that the version knows."
    )
    items: list[GroupItemOut] = Field(description="Best first.")


class GroupRecommendations(BaseModel):
    """What someone should see next: ``user_id`` is null for a visitor and for a group."""

    user_id: str | None = Field(description="The user; null for a visitor and for a group.")
    user_ids: list[str] = Field([], description="The members of a group.")
    strategy: Literal["personal", "popular"] = Field(
        description="`popular` for someone who has rated nothing that the version knows."
    )
    model_version: int | None = Field(description="The version that answered; null before there is one.")
    degraded: bool = Field(description="Whether the database could not be read, so that this is from what was trained.")
    items: list[GroupItemOut] = Field(description="Best first.")
    next_cursor: str | None = Field(description="For `cursor` of the next call; null at the end.")
    seed: int | None = Field(None, description="Repeats the exploration, when there was one.")
    unchanged: UnchangedList | None = Field(
        None, description="With `compare`, the list without the ratings in the question."
    )


class SimilarItems(BaseModel):
    """Items like an item, or like several; scores are cosines unless products are asked for."""

    item_id: str | None = Field(None, description="The item that the others are like.")
    item_ids: list[str] | None = Field(None, description="The items that the others are like.")
    model_version: int = Field(description="The version that answered.")
    items: list[ScoredItem] = Field(description="Best first.")


class Questions(BaseModel):
    """Items to ask a newcomer about, the most telling first."""

    model_version: int | None = Field(description="The version that answered; null before there is one.")
    items: list[ScoredItem] = Field(description="Best first.")


class SimilarUserOut(BaseModel):
    """A user who is like another; the score is a cosine."""

    user_id: str = Field(description="The user.")
    score: float = Field(description="The cosine of the two users' vectors.")


class SimilarUsers(BaseModel):
    """The trained users who are most like a user."""

    user_id: str = Field(description="The user.")
    model_version: int | None = Field(description="The version that answered; null before there is one.")
    users: list[SimilarUserOut] = Field(description="The most similar first.")


class PredictionOut(BaseModel):
    """What a user would rate an item; null where nothing is known of the item, or the version was not calibrated."""

    item_id: str = Field(description="The item.")
    score: float | None = Field(description="As in a recommendation; null for an item that has no vector.")
    value: float | None = Field(description="On the rating scale; null where the version could not be calibrated.")
    standard_deviation: float | None = Field(
        description="How far ratings lie from such predictions; null as the value is."
    )


class Predictions(BaseModel):
    """What a user would rate some items."""

    user_id: str = Field(description="The user.")
    model_version: int = Field(description="The version that answered.")
    degraded: bool = Field(description="Whether the database could not be read, so that this is from what was trained.")
    items: list[PredictionOut] = Field(description="In the order that they were asked for.")


class PopularItems(BaseModel):
    """Items for everyone; a score is a number of ratings, counted less the older they are where it is about trends."""

    model_version: int | None = Field(description="The version that answered; null before there is one.")
    items: list[ScoredItem] = Field(description="Best first.")
