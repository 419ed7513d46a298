"""What kind of change an object is: surfaces, rules a person can read, and what each sensor can tell."""
