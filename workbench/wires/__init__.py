"""Wires between the station and a board: serial ports and the console.

The only room that knows pyserial.  It prints nothing and asks nobody whether a board is virtual.
"""
