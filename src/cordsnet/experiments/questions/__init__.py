"""What reviewers and readers of the paper asked: worse images, attacks, coarser steps, other tasks and others."""
