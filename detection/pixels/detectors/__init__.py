"""Change detectors behind one interface; the registry lists what each needs and makes."""
