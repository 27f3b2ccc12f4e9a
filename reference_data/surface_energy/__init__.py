"""Surface-energy references: recipes, results, published values, data card."""
