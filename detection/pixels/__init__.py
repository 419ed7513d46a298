"""Two dates of pixels in, outlined and typed changes out: registration, scores, objects, classes."""
