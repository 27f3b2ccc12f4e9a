"""Grain-boundary references: recipes, starts, results, published values, data card."""
