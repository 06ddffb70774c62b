"""Live de-identified view: from the bus to pages, one socket a page, tiles multiplexed."""
