"""Tables and pictures of what the tracker knows. The only room that imports pandas and matplotlib."""
