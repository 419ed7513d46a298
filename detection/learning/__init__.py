"""The siamese net: made pairs to learn from, the net itself, its training and its fine-tuning."""
