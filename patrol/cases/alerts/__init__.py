"""Warnings before a clock runs out, and escalations of the clocks of stages and objections."""
