"""Questions of reviewers and readers of the paper: worse images, attacks, coarser steps, other tasks and others."""
