"""Making documents: PDF set from Word files, charts."""
