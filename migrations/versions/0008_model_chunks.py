"""Model versions' files in parts, on their way to other machines."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "model_chunks",
        sa.Column("folder", sa.String(), nullable=False),
        sa.Column("file", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("folder", "file", "number", name=op.f("pk_model_chunks")),
    )
    if op.get_bind().dialect.name == "postgresql":  # vectors do not get smaller by being compressed
        op.execute("ALTER TABLE model_chunks ALTER COLUMN content SET STORAGE EXTERNAL")
