"""Labels of units: what stands in the symbol, where everything goes, and how it comes onto paper.

payload.py   what the symbol says, and what a scan of it means
layout.py    the layout that a recipe or a lot gives
placing.py   where everything goes, in whole dots; refuses a label that does not fit.  Pure
symbols.py   QR code and Data Matrix as modules; png.py, svg.py, zpl.py: one and the same placement as bytes
printing.py  to a folder, or to a command
"""
