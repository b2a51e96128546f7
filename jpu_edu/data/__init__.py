"""Floor 1: what goes in. Photographs that ship with scikit-image; later, labelled data sets."""
