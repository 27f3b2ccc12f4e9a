"""Benchmarks: see CONTRIBUTING.md; on an otherwise idle machine."""
