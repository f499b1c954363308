"""Images in, a trained network out. The only room that imports Keras."""
