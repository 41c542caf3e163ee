"""Draw: the columns of replicates, step by step, and what is done to them then."""
