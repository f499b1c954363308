"""The statistics of a table: means, intervals, comparisons."""
