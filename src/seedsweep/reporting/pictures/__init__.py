"""Pictures: plain data in, one .png file out. Not here: where the data come from, and where the files go."""
