"""A city at play: posts, people of different honesty and their outings, all from one seed."""
