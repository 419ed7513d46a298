"""Made before/after pairs: places drawn at two dates, with a label for each head."""
