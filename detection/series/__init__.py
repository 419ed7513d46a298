"""Time series of scenes: one model of the seasons a pixel, alarms where the ground leaves it."""
