"""Ratings in and out: rate, delete, erase, list. Each change is durable when the call returns."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.errors import NotFoundError
from app.services.clock import now_microseconds
from app.storage import ratings
from app.storage.engine import Store
from app.storage.group_writer import GroupWriter
from app.storage.ratings import Erasure, Rating
from app.storage.upserts import WriteCounts


@dataclass(frozen=True, slots=True)
class Ingester:
    """Changes ratings through the group writer.

    Attributes
    ----------
    store : Store
        To read lists from.
    writer : GroupWriter
        To write through.
    """

    store: Store
    writer: GroupWriter

    async def rate(self, batch: Sequence[Rating]) -> WriteCounts:
        """Store ratings, all or none.

        Parameters
        ----------
        batch : sequence of Rating
            Validated.

        Returns
        -------
        WriteCounts
            What was created, updated, ignored.
        """
        return await self.writer.rate(batch, now=now_microseconds())

    async def delete_rating(self, user_id: str, item_id: str) -> None:
        """Delete one rating.

        Parameters
        ----------
        user_id, item_id : str
            Whose rating of what.

        Raises
        ------
        NotFoundError
            If there is none.
        """
        now = now_microseconds()
        if not await self.writer.write(lambda connection: ratings.delete_rating(connection, user_id, item_id, now=now)):
            raise NotFoundError("this user has no rating of this item")

    async def erase_user(self, user_id: str) -> Erasure:
        """Erase a user and all their ratings.

        Parameters
        ----------
        user_id : str
            Who.

        Returns
        -------
        Erasure
            The receipt.

        Raises
        ------
        NotFoundError
            If nobody has this id.
        """
        now = now_microseconds()
        receipt = await self.writer.write(lambda connection: ratings.erase_user(connection, user_id, now=now))
        if receipt is None:
            raise NotFoundError("no user with this id has rated anything")
        return receipt

    def find_erasure(self, erasure_id: int) -> Erasure:
        """Look up a receipt.

        Parameters
        ----------
        erasure_id : int
            From the receipt.

        Returns
        -------
        Erasure
            With the first version trained without the user, once there is one.

        Raises
        ------
        NotFoundError
            If there is no such receipt.
        """
        with self.store.read() as connection:
            receipt = ratings.find_erasure(connection, erasure_id)
        if receipt is None:
            raise NotFoundError("there is no erasure with this id")
        return receipt

    def list_ratings(self, user_id: str, *, after: str, limit: int) -> list[Rating]:
        """List a user's ratings by item id.

        Parameters
        ----------
        user_id : str
            Whose; an unknown user has none.
        after : str
            Only items with a greater id.
        limit : int
            How many at most.

        Returns
        -------
        list of Rating
            With timestamps.
        """
        with self.store.read() as connection:
            return ratings.list_user_ratings(connection, user_id, after=after, limit=limit)
