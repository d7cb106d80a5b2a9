"""Pages of experiments in which networks learn cognitive tasks."""
