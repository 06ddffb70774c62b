"""The de-identified view: committed backgrounds, the detector, the mask, the picture that operators see."""
