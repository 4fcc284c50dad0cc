"""Sound in memory: the ring, the sources, the resampler."""
