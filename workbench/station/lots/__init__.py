"""Lots, serial numbers and attempts: shared by many stations, and kept where the network fails."""
