"""Benchmarks: ``pytest tests/benchmarks --benchmark-enable`` on an otherwise idle machine."""
