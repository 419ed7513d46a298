"""The second stage: how likely each object is a change of the land, learnt from verdicts, calibrated."""
