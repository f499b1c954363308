"""Images in, a trained network out. The only package that imports Keras."""
