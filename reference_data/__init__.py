"""Reference data: results, recipes and PAW sets, one folder a task."""
