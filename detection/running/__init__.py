"""Detection work in the queue: what waits, what runs, and calling it off."""
