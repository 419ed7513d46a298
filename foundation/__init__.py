"""The small shared kernel that keeps the floors apart."""
