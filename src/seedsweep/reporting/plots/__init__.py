"""Pictures: plain data in, one .png file out. Not here: where the data come from, and where the files go."""

import logging

# Its notices, as that it has made a list of this machine's fonts, are about nothing that a user did.
logging.getLogger("matplotlib").setLevel(logging.WARNING)
