"""How well the product does on imagery with ground truth: a pair, a folder of scenes, a series, a camera."""
