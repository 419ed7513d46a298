"""Two snapshots of the parcel register compared, and takings of farmland kept as leads."""
