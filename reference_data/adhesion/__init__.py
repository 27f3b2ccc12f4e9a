"""Reference data of the adhesion task."""
