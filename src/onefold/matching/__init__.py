"""Who else a customer may be: features, weights, evidence, ratings."""
