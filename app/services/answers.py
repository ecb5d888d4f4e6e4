"""What can be asked, and the form of an answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Strategy = Literal["personal", "popular"]


@dataclass(frozen=True, slots=True)
class RecommendationQuery:
    """What is asked for.

    Attributes
    ----------
    n : int
        How many items.
    exclude_rated : bool
        Whether the user's rated items stay out.
    categories : sequence of str
        An item must be in one of them, when any are named.
    exclude : sequence of str
        Item ids that must not come; unknown ones are harmless.
    """

    n: int = 10
    exclude_rated: bool = True
    categories: Sequence[str] = ()
    exclude: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class AnsweredItem:
    """An item of an answer: for people ``title``, for ordering ``score``."""

    item_id: str
    score: float
    title: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """Items, best first, and how they were found."""

    items: list[AnsweredItem]
    strategy: Strategy
    model_version: int | None
    degraded: bool = False
