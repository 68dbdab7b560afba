"""The first schema. Its SQL lies in `v0001/`, one file per area, run in order of name."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create everything."""
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    for file in sorted((Path(__file__).parent.parent / "v0001").glob("*.sql")):
        connection.execute(file.read_text())


def downgrade() -> None:
    """There is nothing before the first schema."""
    raise RuntimeError("0001 is the first schema; to start over, drop the database")
