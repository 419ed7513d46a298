"""Rankings of many persons in columns: ranks over everybody, lines only for those who are shown."""
