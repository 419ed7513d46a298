"""The watch over closed cases: what later images say of their ground."""
