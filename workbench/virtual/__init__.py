"""Virtual boards:

a power supply and wires around QEMU.  Reached only through what a real board also offers.
"""
