"""What the map, the drawer and the task list read."""
