"""Refreshing the promoted tables: bookmarks, verdicts, checks, publication, the record."""
