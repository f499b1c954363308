"""Tables and pictures of what the tracker knows. The only package that imports pandas and matplotlib."""
