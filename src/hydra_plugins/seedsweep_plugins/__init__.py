"""The Hydra plugins of seedsweep; each is thin, because Hydra imports them at each start."""
