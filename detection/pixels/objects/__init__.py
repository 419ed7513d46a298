"""From pixels to objects: masks as runs, their components, and their outlines; cost by boundary."""
