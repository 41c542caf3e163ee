"""Delivery: drawn replicates as record batches, tables, frames and files."""
