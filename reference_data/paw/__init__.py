"""PAW sets that GPAW does not ship, and their checks."""
