"""Disclosure: what the synthetic file tells about the people or firms in the real one."""
