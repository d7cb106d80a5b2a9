"""Mappings from the units of a model to neurons, as estimators of scikit-learn."""
