"""Staffing of the net: lists of posts, leave, handover, and who answers for what."""
