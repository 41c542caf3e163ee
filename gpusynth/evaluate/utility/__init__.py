"""Utility: how much of what the real file shows, the synthetic file shows too."""
