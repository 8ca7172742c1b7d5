"""One module for each step of the database's form, named by its revision."""
