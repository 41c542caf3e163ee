"""Files of a run directory: what lies there, while a run goes on and when it is complete."""
