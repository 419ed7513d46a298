"""Tower cameras: their registry, the events they send, and objects and smoke found in their own frames."""
