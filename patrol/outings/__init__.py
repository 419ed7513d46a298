"""Outings: one person's open tasks nearby in the order in which to walk them."""
