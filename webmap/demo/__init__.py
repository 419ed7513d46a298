"""The demonstration: a county built, imported, detected, judged, handed down, visited, closed and counted."""
