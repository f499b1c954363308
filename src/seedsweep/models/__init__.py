"""Networks that come with seedsweep, for use in your own functions too."""

from seedsweep.models.convnet import convnet

__all__ = ["convnet"]
