"""Objections to patches and base data: raised below, decided above by somebody else."""
