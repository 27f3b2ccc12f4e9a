"""Voltage-profile references: recipes, results, published values, data card."""
