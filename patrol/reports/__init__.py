"""What is counted and told: indicators, rankings, bulletins."""
