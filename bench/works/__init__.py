"""What is measured of our own, and the floors: each module holds makers of jobs."""
