"""Runs, their journals and their records.

`run` is what faces and verbs use.  Nothing here prints, and nothing but `models` and `records`
loads SQLAlchemy: a run does so at its very end, so that short commands stay fast.
"""
