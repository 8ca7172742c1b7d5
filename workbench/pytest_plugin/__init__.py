"""pytest plugin of the workbench."""
