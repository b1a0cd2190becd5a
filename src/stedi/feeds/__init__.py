"""Delivered files: finding, opening and counting them, and what a well-formed line is."""
