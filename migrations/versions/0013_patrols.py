"""Tracks of eight bytes a fix, and how far they can be trusted."""

import struct
import zlib

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0009"
branch_labels = None
depends_on = None

TICK_MS = 10
WORST = 32_767


def upgrade() -> None:
    op.add_column("patrol", sa.Column("plausibility", sa.Float(), nullable=True))
    op.add_column(
        "patrol", sa.Column("doubts", postgresql.JSONB(), nullable=False, server_default=sa.text("'[]'"))
    )
    # Packed differences hardly compress; the time that trying takes is longer than the loading.
    op.execute("ALTER TABLE patrol ALTER COLUMN fixes SET STORAGE EXTERNAL")
    connection = op.get_bind()
    rows = connection.execute(sa.text("SELECT patrol_id, fixes FROM patrol")).all()
    for patrol_id, fixes in rows:
        connection.execute(
            sa.text("UPDATE patrol SET fixes = :fixes WHERE patrol_id = :patrol_id"),
            {"fixes": _packed(_former(bytes(fixes))), "patrol_id": patrol_id},
        )


def downgrade() -> None:
    raise NotImplementedError("tracks are not written in the former form again")


def _former(data: bytes) -> list[tuple[int, int, int, int]]:
    """Milliseconds, 1e-7 degrees, decimetres times two plus the mock flag, from deflated zigzag numbers."""
    numbers, value, shift = [], 0, 0
    for byte in zlib.decompress(data):
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            numbers.append(value // 2 if value % 2 == 0 else -(value + 1) // 2)
            value = shift = 0
    fixes, moment, lon, lat = [], 0, 0, 0
    for place in range(2, len(numbers), 4):
        moment, lon, lat = moment + numbers[place], lon + numbers[place + 1], lat + numbers[place + 2]
        fixes.append((moment, lon, lat, numbers[place + 3]))
    return fixes


def _packed(fixes: list[tuple[int, int, int, int]]) -> bytes:
    """As `patrol.rounds.packing` lays it out; here for as long as this step exists."""
    anchors, pauses, easts, norths, qualities = [], [], [], [], []
    last = None
    for place, (moment, lon, lat, quality) in enumerate(fixes):
        ticks = round(moment / TICK_MS)
        step = (0, 0, 0) if last is None else (ticks - last[0], lon - last[1], lat - last[2])
        if last is None or not 0 <= step[0] <= 65_535 or max(abs(step[1]), abs(step[2])) > 32_767:
            anchors.append(struct.pack("<Iqii", place, ticks, lon, lat))
            step = (0, 0, 0)
        pauses.append(step[0])
        easts.append(step[1])
        norths.append(step[2])
        accuracy = quality // 2
        qualities.append((accuracy if 0 <= accuracy < WORST else WORST) * 2 + quality % 2)
        last = (ticks, lon, lat)
    count = len(fixes)
    body = b"".join(anchors) + struct.pack(
        f"<{count}H{count}h{count}h{count}H", *pauses, *easts, *norths, *qualities
    )
    return struct.pack("<IIII", 2, count, len(anchors), zlib.crc32(body)) + body
