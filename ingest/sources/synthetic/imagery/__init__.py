"""From land to pixels: canvas, nuisance, scenes."""
