"""Map tiles: images of scenes, vectors of patches and reference layers."""
