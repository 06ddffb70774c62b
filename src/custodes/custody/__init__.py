"""Keys and their holders: roster, slots, epochs, shares, envelopes, custodians."""
