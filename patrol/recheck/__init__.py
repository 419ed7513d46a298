"""The weekly lottery: closed cases looked at again by people of another county."""
