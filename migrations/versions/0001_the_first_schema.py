"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "counters",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counters")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "erasures",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(always=True), nullable=False),
        sa.Column("erased_at", sa.BigInteger(), nullable=False),
        sa.Column("n_ratings", sa.BigInteger(), nullable=False),
        sa.Column("without_version", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasures")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "items",
        sa.Column(
            "item_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(always=True), nullable=False
        ),
        sa.Column("item_id", sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql"), nullable=False),
        sa.Column("title", sa.String(), nullable=True),
        sa.Column("categories", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("hidden", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("item_key", name=op.f("pk_items")),
        sa.UniqueConstraint("item_id", name=op.f("uq_items_item_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_items_revision"), "items", ["revision"])

    op.create_table(
        "model_versions",
        sa.Column(
            "version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(always=True), nullable=False
        ),
        sa.Column("training_run_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("description", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_model_versions")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "publication",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("active_version", sa.BigInteger(), nullable=True),
        sa.Column("is_paused", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("generation", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("lease_holder", sa.String(), nullable=True),
        sa.Column("lease_expires_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("id = 1", name=op.f("ck_publication_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_publication")),
    )
    op.create_table(
        "ratings",
        sa.Column("user_key", sa.BigInteger(), nullable=False),
        sa.Column("item_key", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("timestamp", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_key", "item_key", name=op.f("pk_ratings")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "rating_scale",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("rating_min", sa.Double(), nullable=False),
        sa.Column("rating_max", sa.Double(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_rating_scale_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rating_scale")),
    )
    op.create_table(
        "training_runs",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(always=True), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("n_ratings", sa.BigInteger(), nullable=True),
        sa.Column("n_users", sa.BigInteger(), nullable=True),
        sa.Column("n_items", sa.BigInteger(), nullable=True),
        sa.Column("load_seconds", sa.Double(), nullable=True),
        sa.Column("epochs", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("metrics", sa.JSON(), server_default="{}", nullable=False),
        sa.Column("hyperparameters", sa.JSON(), server_default="{}", nullable=False),
        sa.Column("model_version", sa.BigInteger(), nullable=True),
        sa.Column("n_changes", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'succeeded', 'refused', 'failed', 'skipped')",
            name=op.f("ck_training_runs_status"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_training_runs")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_training_runs_status"), "training_runs", ["status"])

    op.create_table(
        "users",
        sa.Column(
            "user_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(always=True), nullable=False
        ),
        sa.Column("user_id", sa.String().with_variant(sa.VARCHAR(collation="C"), "postgresql"), nullable=False),
        sa.PrimaryKeyConstraint("user_key", name=op.f("pk_users")),
        sa.UniqueConstraint("user_id", name=op.f("uq_users_user_id")),
        sqlite_autoincrement=True,
    )

    op.bulk_insert(sa.table("publication", sa.column("id", sa.Integer)), [{"id": 1}])
    names = ["catalogue", *(f"ratings-{shard}" for shard in range(16))]
    counters = sa.table("counters", sa.column("name", sa.String), sa.column("value", sa.BigInteger))
    op.bulk_insert(counters, [{"name": name, "value": 0} for name in names])
