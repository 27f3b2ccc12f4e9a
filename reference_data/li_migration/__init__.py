"""Migration references: recipes, results, published values, data card."""
