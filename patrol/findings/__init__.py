"""What officers find on their rounds: told once, seen as a lead, followed to its end."""
