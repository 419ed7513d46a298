"""What is done with evidence once it is in: review, hand-out, and the bundle that anyone can verify."""
