"""Pages of the experiments of reviewers' questions."""
