"""What the land of the demonstration county is made of: frame, fields, roads, villages, quarries."""
