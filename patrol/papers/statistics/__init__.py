"""Statistics of satellite patches (卫片): counts and areas by verdict, unit and period."""
