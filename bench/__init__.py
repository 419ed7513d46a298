"""Benchmarks: speeds as ratios measured side by side in one run. Nothing of the product imports this."""
