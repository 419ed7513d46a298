"""What a bureau has in its drawers: layers, registers, posts, patrols, and the truth beside them."""
