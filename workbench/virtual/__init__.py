"""Virtual boards: a power supply and wires around QEMU, reached only as a real board is."""
