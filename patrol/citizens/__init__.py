"""Citizens' reports: received, made leads, followed by code, asked back; who reported stays in a vault."""
