"""What can be asked, and the form of an answer.

Nothing here is changed once it is made, though it is not frozen, which would take four times as long to make. What goes
out as JSON has no slots, of which writing it would take five times as long.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Strategy = Literal["personal", "popular"]
Aggregate = Literal["mean", "least_misery"]


@dataclass(slots=True)
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
    explain_limit : int, optional
        How many of the user's ratings are named as reasons of each item; no reasons when not given.
    diversity : float
        From 0, by score alone, to 1, each item as unlike those before it as can be.
    explore : float
        How far to stray where little is known of the user: the standard deviation of a rating's chance part, where the
        whole scale is 1.
    seed : int, optional
        Of the exploration; drawn when not given.
    """

    n: int = 10
    exclude_rated: bool = True
    categories: Sequence[str] = ()
    exclude: Sequence[str] = ()
    explain_limit: int | None = None
    diversity: float = 0.0
    explore: float = 0.0
    seed: int | None = None

    @property
    def is_plain(self) -> bool:
        """Whether the best items are asked for, and nothing about them that takes longer than to find them."""
        return self.explain_limit is None and not self.diversity and not self.explore


@dataclass
class AnsweredItem:
    """An item of an answer: for people ``title``, for ordering ``score``.

    ``cold`` says that nobody has rated it, so that its vector is a guess from its categories.
    """

    item_id: str
    score: float | None
    title: str | None
    cold: bool


@dataclass
class Contribution:
    """What one of the user's ratings adds to a score."""

    item_id: str
    contribution: float


@dataclass
class ExplainedItem(AnsweredItem):
    """An item with the reasons for its score, of which they are the sum.

    Attributes
    ----------
    because : list of Contribution
        The user's ratings that matter most, by absolute contribution.
    because_rest : float
        What the user's other ratings add.
    because_everyone : float
        What the user's score would be for what people like in general.
    because_exploration : float
        What chance adds when exploring, else 0.
    """

    because: list[Contribution]
    because_rest: float
    because_everyone: float
    because_exploration: float


@dataclass
class MemberScore:
    """What an item scores for one member of a group."""

    user_id: str
    score: float


@dataclass
class ExplainedMember(MemberScore):
    """What an item scores for one member of a group, with the reasons that add up to it, as of ``ExplainedItem``."""

    because: list[Contribution]
    because_rest: float
    because_everyone: float
    because_exploration: float


@dataclass
class GroupItem(AnsweredItem):
    """An item for a group; ``score`` is the members' mean, or the least of theirs."""

    members: Sequence[MemberScore]


@dataclass(slots=True)
class Answer:
    """Items, best first, and how they were found; ``seed`` repeats an exploration."""

    items: Sequence[AnsweredItem]
    strategy: Strategy
    model_version: int | None
    degraded: bool = False
    next_cursor: str | None = None
    seed: int | None = None
