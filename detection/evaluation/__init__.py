"""How good a result is, against ground truth and against what people found."""
