"""All detectors in one frozen table: what each is for, what it needs, and how it is run."""
