"""The only HTTP floor: API, tiles, live events, the web client, the demonstration."""
