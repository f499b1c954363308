"""Runs in, runs out. The only package that imports MLflow, and MLflow is the only store."""

import os

# Here, because MLflow reads these when it is imported, and this package is imported before it. MLflow reports its use
# to its makers unless told not to; it prints two lines for each run of a server that ends; and it tries for four
# minutes to reach a server that is away, which the uploader does in the background.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
