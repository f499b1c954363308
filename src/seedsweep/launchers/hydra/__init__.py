"""Running a job as Hydra runs it."""
