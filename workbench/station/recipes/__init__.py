"""Recipes: what a unit is to become, read from a file that a lab engineer writes and a line cannot change."""
