"""Leads that wait for a person: shown with the patches they may belong to, attached or dismissed, undone."""
