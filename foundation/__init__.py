"""The small shared kernel: errors, settings, CRS, divisions, calendar, access, database, audit, blobs, jobs."""
