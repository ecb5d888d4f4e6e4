"""An index of the items that have dates, since every change of the catalogue asks for them."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_HAS_DATES = sa.text("available_from IS NOT NULL OR available_until IS NOT NULL")


def upgrade() -> None:
    op.create_index("ix_items_dated", "items", ["item_key"], sqlite_where=_HAS_DATES, postgresql_where=_HAS_DATES)
