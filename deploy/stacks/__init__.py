"""One module a stack: `storage` and `catalog` hold what lasts, the others can be made anew."""
