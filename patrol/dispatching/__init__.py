"""Dispatching: whose turn it is where several could go."""
