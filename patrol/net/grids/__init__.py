"""The grid itself: cutting villages into cells, numbering them, and its editions."""
