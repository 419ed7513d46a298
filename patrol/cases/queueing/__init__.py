"""The queue of what goes beyond what a person is given."""
