"""Figures and tables of models beside recordings of neurons."""
