"""Workers of a Ray cluster. The only package that imports Ray."""
