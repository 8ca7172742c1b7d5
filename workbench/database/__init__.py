"""One database for the station's records and the ledger of identities: SQLite, or PostgreSQL by its URL.

Rooms above keep their own tables, derived from `base.Base`; `engine` opens the database, and `migrations`
make all tables.  Nothing here knows what a table is for.
"""
