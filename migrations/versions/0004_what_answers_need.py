"""What answers need: secrets, availability and attributes of items, deleted items, supplements, retired versions."""

from secrets import token_bytes

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("items", sa.Column("available_from", sa.BigInteger(), nullable=True))
    op.add_column("items", sa.Column("available_until", sa.BigInteger(), nullable=True))
    op.add_column("items", sa.Column("attributes", sa.JSON(), server_default="{}", nullable=False))
    op.add_column("model_versions", sa.Column("retired_at", sa.BigInteger(), nullable=True))
    op.create_table(
        "deleted_items",
        sa.Column("item_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("item_key", name=op.f("pk_deleted_items")),
    )
    op.create_index(op.f("ix_deleted_items_revision"), "deleted_items", ["revision"])
    op.create_table(
        "supplements",
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("n_items", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("version", "number", name=op.f("pk_supplements")),
    )
    table = op.create_table(
        "secrets",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_secrets")),
    )
    op.bulk_insert(table, [{"name": name, "value": token_bytes(32)} for name in ("cursors", "user-ids")])
