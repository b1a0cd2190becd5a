"""Forgetting a person, as far as files go: lines cut out of deliveries, and the proof.

Pure functions over paths: nothing here knows of tables or a catalog.
"""
