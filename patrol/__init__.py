"""The human net: grid, posts, dispatch, visits, cases, clocks, patrols, indicators, bulletins."""
