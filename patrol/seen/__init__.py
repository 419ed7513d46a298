"""Which ground was seen, by whom or what, and when; what nobody saw. "Not observed" is never "no change"."""
