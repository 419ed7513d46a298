"""The demonstration county: a material map with exact truth, rendered to imagery, layers, posts and patrols."""
