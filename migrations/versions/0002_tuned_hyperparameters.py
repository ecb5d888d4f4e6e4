"""What the last tuning of each method found."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tuned_hyperparameters",
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("tuned_at", sa.BigInteger(), nullable=False),
        sa.Column("hyperparameters", sa.JSON(), nullable=False),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("method", name=op.f("pk_tuned_hyperparameters")),
    )
