"""How papers are made: templates from readable sources, fields merged in, pictures drawn, PDF set."""
