"""The schema of the database, step by step; alembic runs what is missing."""
