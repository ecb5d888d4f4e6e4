"""Notes of which ratings changed, for a training that has kept the others."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rating_changes",
        sa.Column(
            "number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(always=True), nullable=False
        ),
        sa.Column("n_changes", sa.BigInteger(), nullable=False),
        sa.Column("pairs", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_rating_changes")),
        sqlite_autoincrement=True,
    )
    if op.get_bind().dialect.name == "postgresql":  # a large note takes longer to compress than to write
        op.execute("ALTER TABLE rating_changes ALTER COLUMN pairs SET STORAGE EXTERNAL")
    counters = sa.table("counters", sa.column("name", sa.String), sa.column("value", sa.BigInteger))
    names = ("kept-ratings", "rating-changes-noted-until")
    op.bulk_insert(counters, [{"name": name, "value": 0} for name in names])
