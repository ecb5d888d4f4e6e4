"""The tables, once, for SQLite and PostgreSQL.

Outside, users and items are named by strings (``user_id``, ``item_id``). Inside, rows point to each other by integers
(``user_key``, ``item_key``) that are never used a second time, so that nobody inherits an erased user's ratings or
vector. Times are whole microseconds since 1970 (``BigInteger``), so that both stores order them alike.
"""

from sqlalchemy import (
    JSON,
    VARCHAR,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    text,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

# SQLite reuses a deleted largest key unless AUTOINCREMENT forbids it, and takes that for INTEGER columns alone.
_Key = BigInteger().with_variant(Integer, "sqlite")
# Byte order, whatever the server's locale: ids are compared alike on both stores.
_Id = String().with_variant(VARCHAR(collation="C"), "postgresql")

users = Table(
    "users",
    metadata,
    Column("user_key", _Key, Identity(always=True), primary_key=True),
    Column("user_id", _Id, nullable=False, unique=True),
    sqlite_autoincrement=True,
)

HAS_DATES = text("available_from IS NOT NULL OR available_until IS NOT NULL")
"""Of items that are available only from or until some time; in these words, the planner knows their index."""

items = Table(
    "items",
    metadata,
    Column("item_key", _Key, Identity(always=True), primary_key=True),
    Column("item_id", _Id, nullable=False, unique=True),
    Column("title", String, nullable=True),
    Column("categories", JSON, nullable=False, server_default="[]"),
    Column("hidden", Boolean, nullable=False, server_default="0"),
    Column("available_from", BigInteger, nullable=True),
    Column("available_until", BigInteger, nullable=True),
    Column("attributes", JSON, nullable=False, server_default="{}"),
    # The value of counters 'catalogue' when the row last changed; 0 for an item that only ratings have named.
    Column("revision", BigInteger, nullable=False, server_default="0"),
    Index("ix_items_dated", "item_key", sqlite_where=HAS_DATES, postgresql_where=HAS_DATES),
    Index(None, "revision"),
    sqlite_autoincrement=True,
)

# Items that were deleted, by the key that no other item will get, so that versions made before can leave them out.
deleted_items = Table(
    "deleted_items",
    metadata,
    Column("item_key", BigInteger, primary_key=True, autoincrement=False),
    Column("revision", BigInteger, nullable=False),
    Index(None, "revision"),
)

# Clustered by user, since every answer reads one user's ratings. A deleted rating stays as a tombstone (value NULL)
# with its time, so that an older rating that arrives late does not bring it back. No foreign keys: a check on every row
# would halve the speed of an import; writers share a lock instead (see app.storage.keys).
ratings = Table(
    "ratings",
    metadata,
    Column("user_key", BigInteger, nullable=False),
    Column("item_key", BigInteger, nullable=False),
    Column("value", Double, nullable=True),
    Column("timestamp", BigInteger, nullable=False),
    PrimaryKeyConstraint("user_key", "item_key"),
    sqlite_with_rowid=False,
)

# Imports that were stopped: how much of a file, known by its content and how it is read, is stored.
import_progress = Table(
    "import_progress",
    metadata,
    Column("fingerprint", String, primary_key=True),
    Column("n_lines", BigInteger, nullable=False),
    Column("n_bytes", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)

# How often something changed. 'catalogue' numbers the changes of items; 'ratings-0' to 'ratings-15' add up to the
# number of ratings ever written or deleted, in several rows so that writers do not wait for each other.
counters = Table(
    "counters",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# Which ratings changed since the last training that keeps its ratings: one row a transaction, with how many changes it
# counted and the pairs of keys, 64 bits each (see app.storage.rating_changes). Of erased users nothing is left here.
rating_changes = Table(
    "rating_changes",
    metadata,
    Column("number", _Key, Identity(always=True), primary_key=True),
    Column("n_changes", BigInteger, nullable=False),
    Column("pairs", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)

# One row: the scale that every stored rating is known to lie on.
rating_scale = Table(
    "rating_scale",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("rating_min", Double, nullable=False),
    Column("rating_max", Double, nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)

# A receipt for each erased user; `without_version` is the first version trained without that user's ratings.
erasures = Table(
    "erasures",
    metadata,
    Column("id", _Key, Identity(always=True), primary_key=True),
    Column("erased_at", BigInteger, nullable=False),
    Column("n_ratings", BigInteger, nullable=False),
    Column("without_version", BigInteger, nullable=True),
    sqlite_autoincrement=True,
)

training_runs = Table(
    "training_runs",
    metadata,
    Column("id", _Key, Identity(always=True), primary_key=True),
    Column("status", String, nullable=False),
    Column("reason", String, nullable=True),
    Column("requested_at", BigInteger, nullable=False),
    Column("started_at", BigInteger, nullable=True),
    Column("finished_at", BigInteger, nullable=True),
    Column("n_ratings", BigInteger, nullable=True),
    Column("n_users", BigInteger, nullable=True),
    Column("n_items", BigInteger, nullable=True),
    Column("load_seconds", Double, nullable=True),
    Column("epochs", JSON, nullable=False, server_default="[]"),
    Column("metrics", JSON, nullable=False, server_default="{}"),
    Column("hyperparameters", JSON, nullable=False, server_default="{}"),
    Column("model_version", BigInteger, nullable=True),
    # The sum of the 'ratings' counters when the ratings were read.
    Column("n_changes", BigInteger, nullable=True),
    CheckConstraint("status IN ('queued', 'running', 'succeeded', 'refused', 'failed', 'skipped')", name="status"),
    Index(None, "status"),
    sqlite_autoincrement=True,
)

model_versions = Table(
    "model_versions",
    metadata,
    Column("version", _Key, Identity(always=True), primary_key=True),
    Column("training_run_id", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    # The manifest without the files' checksums: method, hyper-parameters, metrics, the data trained on.
    Column("description", JSON, nullable=False),
    # When another version took over from it; NULL while it is served and before it ever was.
    Column("retired_at", BigInteger, nullable=True),
    sqlite_autoincrement=True,
)

# What the last `foldin tune` of each method found; the next training uses it.
tuned_hyperparameters = Table(
    "tuned_hyperparameters",
    metadata,
    Column("method", String, primary_key=True),
    Column("tuned_at", BigInteger, nullable=False),
    Column("hyperparameters", JSON, nullable=False),
    # How good they were, on what ratings, and the curve of the unobserved weight.
    Column("report", JSON, nullable=False),
)

# Vectors of items that came after a version was trained; each supplement holds all of them, the highest number counts.
supplements = Table(
    "supplements",
    metadata,
    Column("version", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("n_items", BigInteger, nullable=False),
    PrimaryKeyConstraint("version", "number"),
)

# The files of versions and supplements in parts, by the names of their directories, for machines that do not have them.
# Filled on PostgreSQL alone; `sha256` is the part's own, and the manifest among the files has that of each file.
model_chunks = Table(
    "model_chunks",
    metadata,
    Column("folder", String, nullable=False),
    Column("file", String, nullable=False),
    Column("number", Integer, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    PrimaryKeyConstraint("folder", "file", "number"),
)

# Random bytes that never leave the service: 'cursors' signs cursors, 'user-ids' keys the hashes of user ids.
secrets = Table(
    "secrets",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

# Who may call the service. A key itself is shown once and stored nowhere; a revoked one stays, since a service that
# ever had a key is never open again.
api_keys = Table(
    "api_keys",
    metadata,
    Column("id", _Key, Identity(always=True), primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("scope", String, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger, nullable=True),
    sqlite_autoincrement=True,
)

# One row: which version is served, and who may train and publish the next. Whoever takes the lease raises `generation`;
# a trainer publishes only while the generation is the one it took, so a paused one cannot publish over its successor.
publication = Table(
    "publication",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("active_version", BigInteger, nullable=True),
    Column("is_paused", Boolean, nullable=False, server_default="0"),
    Column("generation", BigInteger, nullable=False, server_default="0"),
    Column("lease_holder", String, nullable=True),
    Column("lease_expires_at", BigInteger, nullable=True),
    CheckConstraint("id = 1", name="one_row"),
)
