"""What a user would pick instead: textbook scripts written for this comparison, and installed programs."""
