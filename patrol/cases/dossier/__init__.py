"""What the case drawer shows beside the time line: clocks, pauses, objections, transfer, warnings, watch."""
