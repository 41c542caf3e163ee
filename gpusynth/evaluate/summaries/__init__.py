"""Summaries: what measures found, as figures and details for a report and its JSON."""
