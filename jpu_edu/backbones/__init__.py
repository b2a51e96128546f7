"""Floor 2: from the image to five maps c1..c5. Start with resnet; dilate is the paper's point of departure."""
