"""Reports: what the runs on units come to, and the files that tell it.

`unit_run` is one run on a unit, `statistics` what many come to; both are pure.  `attempts` fetches runs from
the database; the other modules write files: `junit`, `tables` (CSV), `as_json`, `openhtf`, `page` (HTML).
"""
