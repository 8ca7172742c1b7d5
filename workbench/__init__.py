"""Hardware-in-the-loop provisioning and flashing workbench."""

__version__ = "0.1.0"
