"""What a writer was promised, and whether the store kept it: at least what was acknowledged, at most what was sent."""

from dataclasses import dataclass, field

from sqlalchemy import text

from app.storage.engine import Store


@dataclass(slots=True)
class Ledger:
    """Numbers of ratings: those that were sent, and those that were acknowledged."""

    sent: set[int] = field(default_factory=set)
    acknowledged: set[int] = field(default_factory=set)

    def read(self, lines: str) -> None:
        """Take in what a writer printed: ``sent N`` and ``acknowledged N``; a torn last line does not count."""
        for line in lines.splitlines():
            word, _, number = line.partition(" ")
            if word in {"sent", "acknowledged"} and number.endswith("."):
                getattr(self, word).add(int(number[:-1]))

    def compare(self, store: Store) -> dict[str, int]:
        """Hold the store to it."""
        query = "SELECT user_id, item_id FROM ratings JOIN users USING (user_key) JOIN items USING (item_key)"
        with store.read() as connection:
            rows = [tuple(row) for row in connection.execute(text(query))]
            n_rows = int(connection.execute(text("SELECT count(*) FROM ratings")).scalar_one())
            intact = not store.is_sqlite or connection.execute(text("PRAGMA integrity_check")).scalar_one() == "ok"
        stored = {int(user_id[1:]) for user_id, _ in rows}
        return {
            "acknowledged": len(self.acknowledged),
            "lost": len(self.acknowledged - stored),
            "phantom": len(stored - self.sent),
            "duplicate": len(rows) - len(stored),
            "orphaned": n_rows - len(rows),
            "corrupt": int(not intact),
        }


def outcome(said: str) -> dict[str, int | bool]:
    """Count what was refused, and say whether anything was acknowledged after it."""
    before, _, after = said.rpartition("refused")
    return {"refused": said.count("refused"), "recovered": bool(before) and "acknowledged" in after}


FAULTS = (
    *("lost", "phantom", "duplicate", "orphaned", "corrupt", "locked", "idle", "overgrown", "restarted", "unready"),
    *("wrong", "crashed", "failed", "mixed", "doubled", "not_finite"),
)
