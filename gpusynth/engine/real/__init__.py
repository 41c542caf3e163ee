"""Real data: from a file or table to codes, plan and all that fits and draws ask."""
