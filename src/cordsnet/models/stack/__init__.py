"""What stacks of recurrent areas share: their sizes, their stem, the order of a step, and the readout of the top."""
