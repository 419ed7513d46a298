"""What a person is told: written in the transaction of what happened, delivered at least once, read once."""
